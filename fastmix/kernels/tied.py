"""One covariance for all components: one lower triangular whitening W, W cov W' = 1."""

from fastmix._numba import kernel
from fastmix.kernels.expectation import passes
from fastmix.kernels.full import add_component, mahalanobis, total
from fastmix.kernels.responsibilities import log_joint


@kernel
def log_prob(
    tile,  # in   (d, R)
    means,  # in   (k, d)
    factor,  # in   (d, d) lower triangular
    log_const,  # in   (k,) float64
    work,  # out  (d + 2, R) scratch
    out,  # out  (k, R) float64
):
    """Log of weight times density of every component at every row of a tile."""
    sq_norm = work[tile.shape[0] + 1]
    for c in range(means.shape[0]):
        mahalanobis(tile, means[c], factor, work, sq_norm)
        log_joint(log_const[c], sq_norm, out[c])


@kernel
def add_tile(
    tile,  # in      (d, R)
    resp,  # in      (k, R) float64, zero where padded
    means,  # in      (k, d) the origin of the moments
    work,  # out     (d + 2, R) scratch
    counts,  # in/out  (k,) float64
    sums,  # in/out  (k, d) float64
    scatter,  # in/out  (d, d) float64, lower triangle
):
    """Add one tile's moments about the means; the second ones over all components."""
    for c in range(means.shape[0]):
        counts[c] += total(resp[c])
        add_component(tile, resp[c], means[c], work, sums[c], scatter)


expect, infer, accumulate = passes(log_prob, add_tile)
