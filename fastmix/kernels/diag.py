"""Diagonal covariances: one inverse standard deviation a component and feature."""

from fastmix._numba import kernel
from fastmix.kernels import simd_log_prob, simd_moments
from fastmix.kernels.expectation import passes


@kernel(inline=True)
def log_prob(
    tiles,  # in   (n_tiles, d, R)
    first,
    last,  # in   tiles
    means,  # in   (k, d)
    factor,  # in   (k, d)
    log_const,  # in   (k,)
    members,  # in   (>= tiles, k) int64, components that may matter to a tile
    sizes,  # in   (>= tiles,) int64, how many these are
    out,  # out  (k, >= rows)
):
    """Log of weight times density of every component at the rows of some tiles."""
    simd_log_prob.diagonal_log_prob(
        tiles, first, last, means, factor, log_const, members, sizes, out
    )


@kernel(inline=True)
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
    scatter,  # in/out  (k, d) float64
):
    """Add the moments of some tiles about the means."""
    simd_moments.add_diagonal_moments(
        tiles, first, means, resp, places, sizes, counts, sums, scatter
    )


PASSES = passes(log_prob, add)
