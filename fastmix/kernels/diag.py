"""Diagonal covariances: one inverse standard deviation a component and feature."""

from fastmix._numba import kernel
from fastmix.kernels.expectation import passes
from fastmix.kernels.full import dot, subtract, total
from fastmix.kernels.responsibilities import log_joint


@kernel
def log_prob(
    tile,  # in   (d, R)
    means,  # in   (k, d)
    factor,  # in   (k, d)
    log_const,  # in   (k,) float64
    work,  # out  (d + 2, R) scratch
    out,  # out  (k, R) float64
):
    """Log of weight times density of every component at every row of a tile."""
    d = tile.shape[0]
    sq_norm = work[d]
    for c in range(means.shape[0]):
        for r in range(sq_norm.size):
            sq_norm[r] = 0
        for j in range(d):
            x, m, f = tile[j], means[c, j], factor[c, j]
            for r in range(sq_norm.size):
                y = (x[r] - m) * f
                sq_norm[r] += y * y
        log_joint(log_const[c], sq_norm, out[c])


@kernel
def add_tile(
    tile,  # in      (d, R)
    resp,  # in      (k, R) float64, zero where padded
    means,  # in      (k, d) the origin of the moments
    work,  # out     (d + 2, R) scratch
    counts,  # in/out  (k,) float64
    sums,  # in/out  (k, d) float64
    scatter,  # in/out  (k, d) float64
):
    """Add one tile's moments about the means, feature by feature."""
    d = tile.shape[0]
    diff, weighted = work[:d], work[d]
    for c in range(means.shape[0]):
        counts[c] += total(resp[c])
        subtract(tile, means[c], diff)
        for j in range(d):
            x, share = diff[j], resp[c]
            for r in range(x.size):
                weighted[r] = share[r] * x[r]
            sums[c, j] += total(weighted)
            scatter[c, j] += dot(weighted, x)


expect, infer, accumulate = passes(log_prob, add_tile)
