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
    simd.gaps(white, 0, last - first, centers, ones, log_const, out)


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
    """Add the moments of some tiles about the means, whose second ones are taken once for all k.

    Their sum over components is that about the origin of the frame, S, less what the means explain:
    S - sum_c (s m' + m s' + N m m'), with N and s the component's moments about its mean m.
    """
    k, d = means.shape
    m = (last - first) * tiles.shape[2]
    N, s = np.zeros(k), np.zeros((k, d))
    simd.means(tiles, first, last, means, resp, N, s)
    weight = np.zeros((1, m), resp.dtype)
    for c in range(k):
        for i in range(m):
            weight[0, i] += resp[c, i]
    origin, ignored = np.zeros((1, d), means.dtype), np.zeros((1, d))
    S = np.zeros((1, d, d))
    simd.moments(tiles, first, last, origin, weight, np.zeros(1), ignored, S)
    for c in range(k):
        counts[c] += N[c]
        for j in range(d):
            mean = np.float64(means[c, j])
            explained = s[c, j] + N[c] * mean
            for i in range(j + 1):
                S[0, j, i] -= explained * means[c, i] + mean * s[c, i]
            sums[c, j] += s[c, j]
    for j in range(d):
        for i in range(j + 1):
            scatter[j, i] += S[0, j, i]


@kernel
def add_each(tiles, first, last, means, resp, counts, sums, scatter):
    """The same component by component: slower, and exact where a component is a single row."""
    k, d = means.shape
    for c in range(k):
        one = slice(c, c + 1)
        to = scatter.reshape((1, d, d))
        simd.moments(tiles, first, last, means[one], resp[one], counts[one], sums[one], to)


expect, infer, accumulate = passes(log_prob, add, add_each)
