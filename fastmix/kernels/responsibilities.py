"""Log-probabilities of a group of tiles to responsibilities, by log-sum-exp."""

import numpy as np

from fastmix._numba import kernel
from fastmix.kernels.exponential import log
from fastmix.kernels.simd_responsibilities import share_out


@kernel
def respond(
    log_prob,  # in/out  (k, >= rows) log-probabilities to weight times responsibilities
    n_tiles,  # in      tiles of the group
    members,  # in      (>= n_tiles, k) int64, components of a tile
    sizes,  # in      (>= n_tiles,) int64, how many these are
    reach,  # in      (k,) how far below a row's best log-probability a component still matters
    weight,  # in      (rows,) float64
    top,  # out     (>= rows,) scratch, float64
    log_norm,  # out     (>= rows,) float64, log-sum-exp of every row
    holds,  # out     (k, >= n_tiles) uint8, whether a component matters to any row of a tile
):
    """Share out every row by its log-probabilities, exactly 0 where nothing of a tile is in reach.

    A row too far from every component for its dtype gets log_norm -inf and responsibilities 0.
    """
    holds[:] = 0
    share_out(log_prob, n_tiles, members, sizes, reach, weight, top, log_norm, holds)
    for i in range(weight.size):
        total = log_norm[i]
        log_norm[i] = top[i] + log(total) if total > 0.0 else -np.inf


@kernel
def places_of(
    holds,  # in   (k, >= n_tiles) uint8
    n_tiles,  # in   tiles of the group
    places,  # out  (k, >= n_tiles) int64, tiles of a component
    sizes,  # out  (k,) int64, how many these are
):
    """List the tiles in which every component matters."""
    for c in range(len(holds)):
        size = 0
        for t in range(n_tiles):
            if holds[c, t]:
                places[c, size] = t
                size += 1
        sizes[c] = size


@kernel
def largest(
    log_prob,  # in   (k, >= m)
    m,  # in   rows
    top,  # out  (>= m,) scratch, float64
    labels,  # out  (>= m,) float64, the lowest index among equals; -1 where all are -inf
):
    """Most probable component of every row."""
    index = 0.0
    for i in range(m):
        top[i], labels[i] = -np.inf, -1.0
    for c in range(log_prob.shape[0]):
        row = log_prob[c]
        for i in range(m):
            new, old, label = row[i], top[i], labels[i]
            labels[i] = index if new > old else label
            top[i] = new if new > old else old
        index += 1.0


@kernel(sums=True)
def weighted_sum(
    values,  # in  (>= m,) -inf allowed where the weight is 0
    weight,  # in  (m,)
):
    """Sum of weight times value over rows of positive weight."""
    total = 0.0
    for i in range(weight.size):
        total += weight[i] * values[i] if weight[i] > 0.0 else 0.0
    return total
