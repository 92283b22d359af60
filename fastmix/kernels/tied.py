"""One covariance for all components: rows are whitened once, W cov W' = 1."""

import numpy as np

from fastmix._numba import kernel
from fastmix.kernels import simd_log_prob, simd_moments
from fastmix.kernels.expectation import passes


@kernel
def whitened(
    means,  # in   (k, d)
    factor,  # in   (d, d) lower triangular
):
    """Whitened means (k, d)."""
    k, d = means.shape
    points = np.zeros((k, d), means.dtype)
    for c in range(k):
        for j in range(d):
            for i in range(j + 1):
                points[c, j] += factor[j, i] * means[c, i]
    return points


@kernel
def log_prob(
    tiles,  # in   (n_tiles, d, R)
    first,
    last,  # in   tiles
    points,  # in   (k, d) whitened means
    factor,  # in   (d, d) lower triangular
    log_const,  # in   (k,)
    members,  # in   (>= tiles, k) int64, components that may matter to a tile
    sizes,  # in   (>= tiles,) int64, how many these are
    out,  # out  (k, >= rows)
):
    """Log of weight times density of every component at the rows of some tiles."""
    ones = np.ones(len(points), points.dtype)
    white = np.empty((last - first, tiles.shape[1], tiles.shape[2]), tiles.dtype)
    simd_log_prob.whiten(tiles, first, last, factor, white)
    simd_log_prob.spherical_log_prob(
        white, 0, last - first, points, ones, log_const, members, sizes, out
    )


@kernel
def add(
    tiles,  # in      (n_tiles, d, R)
    first,  # in      tile
    means,  # in      (k, d) the origin of the moments
    resp,  # in      (k, >= rows) of the rows from tile first on, zero where padded
    places,  # in      (k, ...) int64, tiles from first on in which a component matters
    sizes,  # in      (k,) int64, how many these are
    counts,  # in/out  (k,) float64
    sums,  # in/out  (k, d) float64
    scatter,  # in/out  (d, d) float64, lower triangle
):
    """Add the moments of some tiles about the means, the second ones of all components together."""
    d = tiles.shape[1]
    shared = scatter.reshape((1, d, d))
    for c in range(means.shape[0]):
        one = slice(c, c + 1)
        simd_moments.add_moments(
            tiles,
            first,
            means[one],
            resp[one],
            places[one],
            sizes[one],
            counts[one],
            sums[one],
            shared,
        )


expect, infer, accumulate = passes(log_prob, add, whitened)
