"""One covariance for all components: rows are whitened once, W cov W' = 1."""

import numpy as np

from fastmix._numba import kernel
from fastmix.kernels import simd
from fastmix.kernels.expectation import passes


@kernel
def log_prob(
    tiles,  # in   (n_tiles, d, R)
    first,
    last,  # in   tiles
    means,  # in   (k, d)
    factor,  # in   (d, d) lower triangular
    log_const,  # in   (k,)
    out,  # out  (k, >= rows)
):
    """Log of weight times density of every component at the rows of some tiles."""
    k, d = means.shape
    centers, ones = np.zeros((k, d), means.dtype), np.ones(k, means.dtype)
    for c in range(k):
        for j in range(d):
            for i in range(j + 1):
                centers[c, j] += factor[j, i] * means[c, i]
    white = np.empty((last - first, d, tiles.shape[2]), tiles.dtype)
    simd.whiten(tiles, first, last, factor, white)
    simd.gaps(white, 0, last - first, centers, ones, log_const, out)


@kernel
def add(
    tiles,  # in      (n_tiles, d, R)
    first,
    last,  # in      tiles
    means,  # in      (k, d) the origin of the first moments
    resp,  # in      (k, >= rows) zero where padded
    counts,  # in/out  (k,) float64
    sums,  # in/out  (k, d) float64
    scatter,  # in/out  (d, d) float64, lower triangle, about the origin of the frame
):
    """Add the moments of some tiles: the second ones once, whatever k."""
    simd.means(tiles, first, last, means, resp, counts, sums)
    m, d = (last - first) * tiles.shape[2], tiles.shape[1]
    weight = np.zeros((1, m), resp.dtype)
    for c in range(means.shape[0]):
        for i in range(m):
            weight[0, i] += resp[c, i]
    origin, ignored = np.zeros((1, d), means.dtype), np.zeros((1, d))
    second = scatter.reshape((1, d, d))
    simd.moments(tiles, first, last, origin, weight, np.zeros(1), ignored, second)


expect, infer, accumulate = passes(log_prob, add)
