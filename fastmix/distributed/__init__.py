"""Rows of a Dask array or frame: blocks become totals where they are, and only totals and parameters travel.

A pass is a function of a block and of parameters, and of nothing else. Whatever worker dies, Dask has
another one do the same again; what is slow is waited for. Loops and kernels are those of rows in memory.
"""

try:
    import dask.array  # noqa: F401
except ImportError:
    raise ImportError("For rows of Dask, install it: pip install dask distributed.") from None

from fastmix.distributed import kmeans, mixtures, starts  # noqa: F401  they say how blocks are passed over
from fastmix.distributed.inputs import as_array
from fastmix.distributed.results import added_up, lazily
from fastmix.distributed.rows import Blocks

__all__ = ["Blocks", "added_up", "as_array", "lazily"]
