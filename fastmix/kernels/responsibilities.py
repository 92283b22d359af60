"""Log-probabilities of a group of rows to responsibilities, by log-sum-exp in lanes."""

import numpy as np

from fastmix._numba import kernel
from fastmix.kernels.exponential import exp, log


@kernel
def respond(
    log_prob,  # in/out  (k, >= m) log-probabilities to weight times responsibilities
    m,  # in      rows
    weight,  # in      (m,) float64
    top,  # out     (>= m,) scratch, float64
    log_norm,  # out     (>= m,) float64, log-sum-exp of every row
):
    """Share out every row by its log-probabilities.

    A row too far from every component for its dtype gets log_norm -inf and responsibilities 0.
    """
    k = log_prob.shape[0]
    for i in range(m):
        top[i], log_norm[i] = -1e308, 0.0
    for c in range(k):
        row = log_prob[c]
        for i in range(m):
            top[i] = row[i] if row[i] > top[i] else top[i]
    for c in range(k):
        row = log_prob[c]
        for i in range(m):
            e = exp(row[i] - top[i])
            row[i] = e
            log_norm[i] += e
    for i in range(m):
        total = log_norm[i]
        near = total > 0.0
        safe = total if near else 1.0
        log_norm[i] = top[i] + log(safe) if near else -np.inf
        top[i] = weight[i] / safe
    for c in range(k):
        row = log_prob[c]
        for i in range(m):
            row[i] *= top[i]


@kernel
def largest(
    log_prob,  # in   (k, >= m)
    m,  # in   rows
    top,  # out  (>= m,) scratch, float64
    labels,  # out  (>= m,) float64, the lowest index among equals
):
    """Most probable component of every row."""
    index = 0.0
    for i in range(m):
        top[i], labels[i] = -np.inf, 0.0
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
