"""Spherical covariances: one inverse standard deviation a component; moments as for diagonal ones."""

from fastmix._numba import kernel
from fastmix.kernels.diag import add_tile
from fastmix.kernels.expectation import passes
from fastmix.kernels.responsibilities import log_joint


@kernel
def log_prob(
    tile,  # in   (d, R)
    means,  # in   (k, d)
    factor,  # in   (k,)
    log_const,  # in   (k,) float64
    work,  # out  (d + 2, R) scratch
    out,  # out  (k, R) float64
):
    """Log of weight times density of every component at every row of a tile."""
    d = tile.shape[0]
    sq_norm = work[d]
    for c in range(means.shape[0]):
        f = factor[c]
        for r in range(sq_norm.size):
            sq_norm[r] = 0
        for j in range(d):
            x, m = tile[j], means[c, j]
            for r in range(sq_norm.size):
                y = (x[r] - m) * f
                sq_norm[r] += y * y
        log_joint(log_const[c], sq_norm, out[c])


expect, infer, accumulate = passes(log_prob, add_tile)
