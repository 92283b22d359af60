"""Log-probabilities of a group of tiles to responsibilities, by log-sum-exp."""

import numpy as np

from fastmix._numba import kernel
from fastmix.kernels.exponential import log

PRODUCTS = (
    16  # sums of k exponentials, at most k each, whose product float64 holds: k**16 < 2**1023
)


@kernel
def log_sums(
    top,  # in      (>= m,)
    total,  # in/out  (m,) sums of exp(log_prob - top) to log-sum-exp; -inf where the sum is 0
):
    """Log-sum-exp of every row."""
    for i in range(total.size):
        sum_ = total[i]
        total[i] = top[i] + log(sum_) if sum_ > 0.0 else -np.inf


@kernel
def log_likelihood(
    top,  # in      (>= m,)
    total,  # in/out  (>= m,) sums of exp(log_prob - top), then used up
    weight,  # in      (m,)
    R,  # in      rows in a tile
):
    """Weighted sum of the log-sum-exp of rows; -inf if one of positive weight has the sum 0."""
    m, plain = weight.size, all_one(weight)
    n_logs = multiply(total[:m], R) if plain else m
    logs = total[:n_logs]
    for i in range(n_logs):
        sum_ = logs[i]
        logs[i] = log(sum_) if sum_ > 0.0 else -np.inf
    if plain:
        return add_up(top[:m]) + add_up(logs)
    for i in range(m):
        logs[i] = weight[i] * (top[i] + logs[i]) if weight[i] > 0.0 else 0.0
    return add_up(logs)


@kernel(inline=True)
def multiply(
    values,  # in/out  (m,) of whole tiles; their products come first
    R,  # in      rows in a tile
):
    """Multiply the values of every lane, PRODUCTS tiles at a time: how many products there are."""
    n_products = 0
    for first in range(0, values.size, PRODUCTS * R):
        product = values[n_products : n_products + R]
        for start in range(first, min(first + PRODUCTS * R, values.size), R):
            # a slice: no index that may be negative hinders the lanes
            tile = values[start : start + R]
            if start == first:
                for r in range(R):
                    product[r] = tile[r]
            else:
                for r in range(R):
                    product[r] *= tile[r]
        n_products += R
    return n_products


@kernel(inline=True)
def all_one(
    weight,  # in  (m,)
):
    """Is every weight 1?"""
    others = 0
    for i in range(weight.size):
        others += weight[i] != 1.0
    return others == 0


@kernel(sums=True)
def add_up(
    values,  # in  (m,)
):
    """Sum of values."""
    total = 0.0
    for i in range(values.size):  # a loop over the values themselves would not become lanes
        total += values[i]
    return total


@kernel(inline=True)
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


@kernel
def two_largest(
    log_prob,  # in   (k, >= m)
    m,  # in   rows
    best,  # out  (m,) int64
    second,  # out  (m,) int64, the best one again where there is one only
):
    """The two most probable components of every row."""
    for i in range(m):
        first, other = -np.inf, -np.inf
        best[i] = second[i] = 0
        for c in range(log_prob.shape[0]):
            x = np.float64(log_prob[c, i])
            if x > first:
                other, second[i] = first, best[i]
                first, best[i] = x, c
            elif x > other:
                other, second[i] = x, c
