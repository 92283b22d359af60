"""The passes over the rows that every covariance type shares.

`passes(log_prob, add)` compiles, for one type whose kernels work on a group of tiles,

    expect      E-step and totals of the M-step in one reading of the rows, no (n, k) array
    infer       E-step alone: labels, log-likelihoods and, where wanted, responsibilities
    accumulate  totals for responsibilities that are given, from which a fit starts

A group is as many tiles as stay, with their responsibilities, in a core's own cache.
"""

import numpy as np

from fastmix._numba import parallel_kernel
from fastmix.kernels.responsibilities import largest, respond, weighted_sum

GROUP_BYTES = 1 << 18


def group_tiles(k, d, R, size):
    """Number of tiles in a group, for R rows of k responsibilities and d features of `size` bytes."""
    return max(1, GROUP_BYTES // (size * (d + k) * R))


def passes(log_prob, add):
    """The three passes of a covariance type with these two kernels."""

    @parallel_kernel
    def expect(
        shard,
        start,
        stop,  # in      tiles of this shard
        tiles,  # in      (n_tiles, d, R)
        weight,  # in      (n_tiles * R,) float64, zero where padded
        group,  # in      tiles in a group
        means,  # in      (k, d)
        factor,  # in      as the type has it
        log_const,  # in      (k,)
        counts,  # in/out  (n_shards, k) float64
        sums,  # in/out  (n_shards, k, d) float64, about the means
        scatter,  # in/out  (n_shards, ...) float64, about the means
        objective,  # in/out  (n_shards,) float64, weighted log-likelihood
    ):
        """One EM pass."""
        k, R = means.shape[0], tiles.shape[2]
        resp = np.empty((k, group * R), tiles.dtype)
        top, log_norm = np.empty(group * R), np.empty(group * R)
        for first in range(start, stop, group):
            last = min(first + group, stop)
            m, share = (last - first) * R, weight[first * R : last * R]
            log_prob(tiles, first, last, means, factor, log_const, resp)
            respond(resp, m, share, top, log_norm)
            objective[shard] += weighted_sum(log_norm, share)
            add(tiles, first, last, means, resp, counts[shard], sums[shard], scatter[shard])

    @parallel_kernel
    def infer(
        shard,
        start,
        stop,  # in   tiles of this shard
        tiles,  # in   (n_tiles, d, R)
        group,  # in   tiles in a group
        means,  # in   (k, d)
        factor,  # in   as the type has it
        log_const,  # in   (k,)
        labels,  # out  (n,) int64
        log_norm,  # out  (n,) float64
        resp,  # out  (n, k); (0, k) where not wanted
    ):
        """E-step of every row."""
        k, R = means.shape[0], tiles.shape[2]
        joint, ones = np.empty((k, group * R), tiles.dtype), np.ones(group * R)
        top, norm, best = np.empty(group * R), np.empty(group * R), np.empty(group * R)
        for first in range(start, stop, group):
            last = min(first + group, stop)
            m, row = (last - first) * R, first * R
            log_prob(tiles, first, last, means, factor, log_const, joint)
            largest(joint, m, top, best)
            respond(joint, m, ones, top, norm)
            valid = min(m, labels.size - row)
            for i in range(valid):
                labels[row + i] = np.int64(best[i])
                log_norm[row + i] = norm[i]
            for i in range(min(valid, resp.shape[0])):
                for c in range(k):
                    resp[row + i, c] = joint[c, i]

    @parallel_kernel
    def accumulate(
        shard,
        start,
        stop,  # in      tiles of this shard
        tiles,  # in      (n_tiles, d, R)
        weight,  # in      (n_tiles * R,) float64, zero where padded
        group,  # in      tiles in a group
        means,  # in      (k, d)
        resp,  # in      (m, k) float64, of the rows from tile `offset` on
        offset,  # in      tile
        counts,  # in/out  (n_shards, k) float64
        sums,  # in/out  (n_shards, k, d) float64, about the means
        scatter,  # in/out  (n_shards, ...) float64, about the means
    ):
        """Totals for given responsibilities."""
        k, R = means.shape[0], tiles.shape[2]
        share = np.empty((k, group * R), tiles.dtype)
        for first in range(start, stop, group):
            last = min(first + group, stop)
            row = (first - offset) * R
            valid = min((last - first) * R, resp.shape[0] - row)
            for c in range(k):
                for i in range((last - first) * R):
                    share[c, i] = weight[first * R + i] * resp[row + i, c] if i < valid else 0.0
            add(tiles, first, last, means, share, counts[shard], sums[shard], scatter[shard])

    return expect, infer, accumulate
