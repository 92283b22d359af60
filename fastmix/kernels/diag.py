"""Diagonal covariances: one inverse standard deviation a component and feature."""

from fastmix._numba import kernel
from fastmix.kernels import simd_mixture as simd
from fastmix.kernels.expectation import passes


@kernel
def log_prob(
    tiles,  # in   (n_tiles, d, R)
    first,
    last,  # in   tiles
    means,  # in   (k, d)
    factor,  # in   (k, d)
    log_const,  # in   (k,)
    out,  # out  (k, >= rows)
):
    """Log of weight times density of every component at the rows of some tiles."""
    simd.diagonal_log_prob(tiles, first, last, means, factor, log_const, out)


@kernel
def add(
    tiles,  # in      (n_tiles, d, R)
    first,
    last,  # in      tiles
    means,  # in      (k, d) the origin of the moments
    resp,  # in      (k, >= rows) zero where padded
    counts,  # in/out  (k,) float64
    sums,  # in/out  (k, d) float64
    scatter,  # in/out  (k, d) float64
):
    """Add the moments of some tiles about the means."""
    simd.add_diagonal_moments(tiles, first, last, means, resp, counts, sums, scatter)


expect, infer, accumulate = passes(log_prob, add)
