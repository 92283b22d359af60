"""Log-probabilities of a block of rows to responsibilities, by log-sum-exp in lanes."""

import numpy as np

from fastmix._numba import kernel
from fastmix.kernels.exponential import exp, log


@kernel
def log_joint(
    constant,  # in   log weight and log-determinant of one component
    sq_norm,  # in   (R,) whitened squared distance of every row
    log_prob,  # out  (R,) float64
):
    """constant - sq_norm / 2 in float64; -inf where the distance overflowed or is not a number."""
    for r in range(sq_norm.size):
        sq = np.float64(sq_norm[r])
        log_prob[r] = constant - 0.5 * sq if sq < np.inf else -np.inf


@kernel
def respond(
    log_prob,  # in/out  (k, m) log-probabilities to responsibilities
    top,  # out     (m,) scratch
    log_norm,  # out     (m,) log-sum-exp of every row
):
    """Responsibilities and log-likelihood of every row.

    A row too far from every component for float64 gets log_norm -inf and responsibilities 0.
    """
    k, m = log_prob.shape
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
        top[i] = 1.0 / safe
    for c in range(k):
        row = log_prob[c]
        for i in range(m):
            row[i] *= top[i]


@kernel
def largest(
    log_prob,  # in   (k, m)
    top,  # out  (m,) scratch
    labels,  # out  (m,) float64, the lowest index among equals
):
    """Most probable component of every row."""
    index = 0.0
    for i in range(top.size):
        top[i], labels[i] = -np.inf, 0.0
    for c in range(log_prob.shape[0]):
        row = log_prob[c]
        for i in range(top.size):
            new, old, label = row[i], top[i], labels[i]
            labels[i] = index if new > old else label
            top[i] = new if new > old else old
        index += 1.0
