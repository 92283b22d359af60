"""The modules of fastmix.kernels: the first one that is named here imports them all, and Numba.

So `kernels.lloyd.assign` is named where it is called, and importing fastmix takes no Numba. They come
together, so that all are of one state of the sources, as the cache believes.
"""

from typing import Any

from fastmix._loading import load


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = globals()[name] = getattr(load("fastmix.kernels.every"), name)
    return module
