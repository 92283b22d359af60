"""One covariance for all components: rows are whitened once, W cov W' = 1."""

import numpy as np

from fastmix._numba import kernel
from fastmix.kernels import simd_mixture as simd
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
    simd.spherical_log_prob(white, 0, last - first, centers, ones, log_const, out)


@kernel
def add(
    tiles,  # in      (n_tiles, d, R)
    first,
    last,  # in      tiles
    means,  # in      (k, d) the origin of the moments
    resp,  # in      (k, >= rows) zero where padded
    counts,  # in/out  (k,) float64
    sums,  # in/out  (k, d) float64
    scatter,  # in/out  (d, d) float64, lower triangle
):
    """Add the moments of some tiles about the means, the second ones of all components together."""
    d = tiles.shape[1]
    shared = scatter.reshape((1, d, d))
    for c in range(means.shape[0]):
        one = slice(c, c + 1)
        simd.add_moments(tiles, first, last, means[one], resp[one], counts[one], sums[one], shared)


expect, infer, accumulate = passes(log_prob, add)
