"""One covariance for all components: rows are whitened once, W cov W' = 1."""

import numpy as np

from fastmix._numba import kernel
from fastmix.kernels import simd_log_prob, simd_moments
from fastmix.kernels.expectation import passes

# Squared whitened distance up to which second moments about another mean are accurate enough: what
# they lose is it times eps, of those about their own, in float64 and in float32.
FAR = (1e6, 1e2)


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
    white = np.empty((last - first, tiles.shape[1], tiles.shape[2]), tiles.dtype)
    simd_log_prob.whiten(tiles, first, last, factor, white)
    simd_log_prob.white_log_prob(white, 0, last - first, points, log_const, members, sizes, out)


@kernel
def add(
    tiles,  # in      (n_tiles, d, R)
    first,  # in      tile
    points,  # in      (k, d) whitened means; (0, d) where there is no whitening yet
    means,  # in      (k, d) the origin of the moments
    resp,  # in      (k, >= rows) of the rows from tile first on, zero where padded
    places,  # in      (k, ...) int64, tiles from first on in which a component matters
    sizes,  # in      (k,) int64, how many these are
    counts,  # in/out  (k,) float64
    sums,  # in/out  (k, d) float64
    scatter,  # in/out  (d, d) float64, lower triangle
):
    """Add the moments of some tiles about the means, the second ones of all components together.

    With h the heaviest component here and e = mean h - mean c, the second moments about mean c are

        sum r (x - mean h)(x - mean h)' + q e' + e q',   q = sum r (x - mean c) - e sum r / 2,

    so those of all components need one pass about mean h. Components too far from h for that to be
    accurate have passes of their own.
    """
    (k, d), R = means.shape, tiles.shape[2]
    own_counts, own_sums = np.zeros(k), np.zeros((k, d))
    shared = scatter.reshape((1, d, d))
    simd_moments.add_first_moments(
        tiles, first, means, resp, places, sizes, own_counts, own_sums, shared
    )
    h = np.argmax(own_counts)
    limit = FAR[0] if tiles.itemsize == 8 else FAR[1]
    held = np.zeros((1, resp.shape[1]), tiles.dtype)
    most = 0
    for c in range(k):
        one = slice(c, c + 1)
        if sizes[c] == 0:
            continue
        counts[c] += own_counts[c]
        for j in range(d):
            sums[c, j] += own_sums[c, j]
        apart = np.inf
        if len(points):
            apart = 0.0
            for j in range(d):
                apart += (np.float64(points[c, j]) - points[h, j]) ** 2
        if c == h or apart <= limit:
            for i in range(sizes[c]):
                t = places[c, i]
                most = max(most, t + 1)
                add_to(held[0, t * R : (t + 1) * R], resp[c, t * R : (t + 1) * R])
            add_move(means[h], means[c], own_counts[c], own_sums[c], scatter)
        else:
            simd_moments.add_moments(
                tiles,
                first,
                means[one],
                resp[one],
                places[one],
                sizes[one],
                np.zeros(1),
                np.zeros((1, d)),
                shared,
            )
    everywhere = np.arange(most).reshape((1, most))
    simd_moments.add_moments(
        tiles,
        first,
        means[h : h + 1],
        held,
        everywhere,
        np.full(1, most),
        np.zeros(1),
        np.zeros((1, d)),
        shared,
    )


@kernel
def add_to(
    held,  # in/out  (m,)
    share,  # in      (m,)
):
    """Add responsibilities."""
    for r in range(held.size):
        held[r] += share[r]


@kernel
def add_move(
    origin,  # in      (d,)
    mean,  # in      (d,)
    count,  # in      sum of the responsibilities
    sums,  # in      (d,) first moments about mean
    scatter,  # in/out  (d, d) lower triangle
):
    """Add what second moments about mean have more than those about origin."""
    d = mean.size
    gap, half = np.empty(d), np.empty(d)
    for j in range(d):
        gap[j] = np.float64(origin[j]) - mean[j]
        half[j] = sums[j] - 0.5 * count * gap[j]
    for j in range(d):
        for i in range(j + 1):
            scatter[j, i] += half[j] * gap[i] + gap[j] * half[i]


PASSES = passes(log_prob, add, whitened)
