"""Spherical covariances: one inverse standard deviation a component; moments as for diagonal ones."""

from fastmix._numba import kernel
from fastmix.kernels import simd_log_prob
from fastmix.kernels.diag import add
from fastmix.kernels.expectation import passes


@kernel(inline=True)
def log_prob(
    tiles,  # in   (n_tiles, d, R)
    first,
    last,  # in   tiles
    means,  # in   (k, d)
    factor,  # in   (k,)
    log_const,  # in   (k,)
    members,  # in   (>= tiles, k) int64, components that may matter to a tile
    sizes,  # in   (>= tiles,) int64, how many these are
    out,  # out  (k, >= rows)
):
    """Log of weight times density of every component at the rows of some tiles."""
    simd_log_prob.spherical_log_prob(
        tiles, first, last, means, factor, log_const, members, sizes, out
    )


PASSES = passes(log_prob, add)
