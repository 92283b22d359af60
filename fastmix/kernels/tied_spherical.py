"""One inverse standard deviation for all components; moments as for one shared diagonal."""

import numpy as np

from fastmix._numba import kernel
from fastmix.kernels import simd_log_prob
from fastmix.kernels.expectation import passes
from fastmix.kernels.tied_diag import add


@kernel
def log_prob(
    tiles,  # in   (n_tiles, d, R)
    first,
    last,  # in   tiles
    means,  # in   (k, d)
    factor,  # in   (1,)
    log_const,  # in   (k,)
    members,  # in   (>= tiles, k) int64, components that may matter to a tile
    sizes,  # in   (>= tiles,) int64, how many these are
    out,  # out  (k, >= rows)
):
    """Log of weight times density of every component at the rows of some tiles."""
    each = np.full(len(means), factor[0], means.dtype)
    simd_log_prob.spherical_log_prob(
        tiles, first, last, means, each, log_const, members, sizes, out
    )


PASSES = passes(log_prob, add)
