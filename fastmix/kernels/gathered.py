"""Rows of X from anywhere: measured one by one, or gathered in a tile."""

import numpy as np

from fastmix._numba import kernel
from fastmix.kernels.exact import relabel_gathered
from fastmix.kernels.simd_kmeans import nearest


@kernel(sums=True)
def sq_distance(
    x,  # in   (d,)
    origin,  # in   (d,) of the tiles
    scale,  # in   of the tiles
    center,  # in   (d,)
):
    """Squared distance of one row to one center, added up in any order."""
    total = np.float64(0.0)
    for j in range(center.size):
        apart = np.float64((x[j] - origin[j]) * scale - center[j])
        total += apart * apart
    return total


@kernel
def gather(
    X,  # in   (n, d)
    origin,  # in   (d,) of the tiles
    scale,  # in   of the tiles
    rows,  # in   (m,) int64, at most R
    panel,  # out  (d, R)
):
    """Pack rows from anywhere into one tile."""
    for r in range(rows.size):
        x, lane = X[np.uint64(rows[r])], np.uint64(r)
        for j in range(origin.size):
            panel[np.uint64(j), lane] = (x[j] - origin[j]) * scale


@kernel
def label_gathered(
    X,  # in      (n, d)
    origin,  # in      (d,) of the tiles
    scale,  # in      of the tiles
    rows,  # in      (m,) int64, at most R
    weight,  # in      (n,) float64
    centers,  # in      (k, d)
    grids,  # in      (2, columns) float64, of exact.py
    labels,  # in/out  (n,) int32
    sums,  # in/out  (k, 2, columns) float64, as `exchange` has them
    panel,  # scratch (d, R)
    new,  # scratch (R,) int32
    best,  # scratch (R,)
):
    """Label rows from anywhere, and take them along to the sums: how many have changed."""
    gather(X, origin, scale, rows, panel)
    nearest(panel, centers, new, best)
    return relabel_gathered(panel, rows, weight, new, labels, grids, sums)
