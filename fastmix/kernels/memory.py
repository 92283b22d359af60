"""Arrays that begin where cache lines do: no vector of whole tiles or columns lies across two of them."""

import math

import numpy as np

from fastmix._numba import kernel

LINE = 64  # bytes


def empty(shape, dtype=np.float64):
    """An array like that of np.empty."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(size + LINE, np.uint8)
    first = -room.__array_interface__["data"][0] % LINE
    return room[first : first + size].view(dtype).reshape(shape)


def zeros(shape, dtype=np.float64):
    """An array like that of np.zeros."""
    found = empty(shape, dtype)
    found[...] = 0
    return found


@kernel
def zero_rows(
    m,
    n,
):
    """m rows of n doubles, all 0."""
    room = np.empty(m * n + LINE // 8)
    for i in range(room.size):  # which takes less compiling than np.zeros
        room[i] = 0.0
    first = (-room.ctypes.data) % LINE // 8
    return room[first : first + m * n].reshape((m, n))
