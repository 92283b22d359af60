"""Sums that do not depend on the order of their terms: rows may come, go and be added in any order.

Every term is split at two fixed grids, and sums of multiples of a grid are exact as long as they stay
below 2**53 of them (Rump, Ogita & Oishi 2008, doi:10.1137/050645671; Demmel & Nguyen 2013,
doi:10.1109/ARITH.2013.9). For n terms below 2**e a term loses at most 2**(e + 2 ceil(log2 n) - 104).
"""

import math

import numpy as np

from fastmix._numba import kernel


def grid(largest, n):
    """Constants that round a number to the two grids, for n terms of at most this size, (2,) float64."""
    e = math.frexp(largest)[1] if largest > 0 else -1000
    b = math.ceil(math.log2(max(n, 1))) + 1
    return 1.5 * np.array([math.ldexp(1.0, e + b), math.ldexp(1.0, e + 2 * b - 53)])


@kernel(strict=True)
def exchange(
    tile,  # in      (d, R)
    r,  # in      lane
    w,  # in      weight of the row
    before,  # in      cluster that it leaves; -1: none
    now,  # in      cluster that it joins
    grids,  # in      (2, 2) float64, for weighted rows and for weights
    high,  # in/out  (k, d + 1) float64, sums and in the last column weights, on the coarse grid
    low,  # in/out  (k, d + 1) float64, on the fine grid
):
    """Take one row from the sums of a cluster to those of another, exactly."""
    d = tile.shape[0]
    for j in range(d + 1):
        x = np.float64(tile[j, r]) if j < d else 1.0
        coarse, fine = grids[j // d]
        product = w * x
        above = (product + coarse) - coarse
        below = ((product - above) + fine) - fine
        high[now, j] += above
        low[now, j] += below
        if before >= 0:
            high[before, j] -= above
            low[before, j] -= below
