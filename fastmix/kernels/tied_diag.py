"""One diagonal covariance for all components: one inverse standard deviation a feature."""

import numpy as np

from fastmix._numba import kernel
from fastmix.kernels import simd_log_prob, simd_moments
from fastmix.kernels.expectation import passes


@kernel
def log_prob(
    tiles,  # in   (n_tiles, d, R)
    first,
    last,  # in   tiles
    means,  # in   (k, d)
    factor,  # in   (d,)
    log_const,  # in   (k,)
    members,  # in   (>= tiles, k) int64, components that may matter to a tile
    sizes,  # in   (>= tiles,) int64, how many these are
    out,  # out  (k, >= rows)
):
    """Log of weight times density of every component at the rows of some tiles."""
    each = np.empty(means.shape, means.dtype)
    for c in range(len(means)):
        each[c] = factor
    simd_log_prob.diagonal_log_prob(tiles, first, last, means, each, log_const, members, sizes, out)


@kernel
def add(
    tiles,  # in      (n_tiles, d, R)
    first,  # in      tile
    points,  # in      (k, d) means
    means,  # in      (k, d) the origin of the moments
    resp,  # in      (k, >= rows) of the rows from tile first on, zero where padded
    places,  # in      (k, ...) int64, tiles from first on in which a component matters
    sizes,  # in      (k,) int64, how many these are
    counts,  # in/out  (k,) float64
    sums,  # in/out  (k, d) float64
    scatter,  # in/out  (d,) float64
):
    """Add the moments of some tiles about the means, the second ones of all components together."""
    k, d = means.shape
    own = np.zeros((k, d))
    simd_moments.add_diagonal_moments(tiles, first, means, resp, places, sizes, counts, sums, own)
    for c in range(k):
        if sizes[c] > 0:
            for j in range(d):
                scatter[j] += own[c, j]


PASSES = passes(log_prob, add)
