"""Compiled functions on arrays.

Whoever calls them imports this package alone, and names `kernels.lloyd.assign` where it is called: the
first such name imports Numba and all modules together, so that all are of one state of the sources.
"""

import sys
from typing import Any

from fastmix._loading import load, loading

_EVERY = f"{__name__}.every"


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        with loading:
            if _EVERY not in sys.modules:  # else it is there, or this is one of its own imports
                load(_EVERY)
        if name in globals():
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
