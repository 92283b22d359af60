"""The passes over the rows that every covariance type shares.

`passes(log_prob, add_tile)` compiles, for one type,

    expect      E-step and totals of the M-step in one reading of the rows, no (n, k) array
    infer       E-step alone: labels, log-likelihoods and, where wanted, responsibilities
    accumulate  totals for responsibilities that are given, from which a fit starts
"""

import numpy as np

from fastmix._numba import parallel_kernel
from fastmix.kernels.responsibilities import largest, respond


def passes(log_prob, add_tile):
    """The three passes of a covariance type with these two tile kernels."""

    @parallel_kernel
    def expect(
        shard,
        start,
        stop,  # in      tiles of this shard
        tiles,  # in      (n_tiles, d, R)
        weight,  # in      (n_tiles * R,) float64, zero where padded
        means,  # in      (k, d)
        factor,  # in      as the type has it
        log_const,  # in      (k,) float64
        counts,  # in/out  (n_shards, k) float64
        sums,  # in/out  (n_shards, k, d) float64, about the means
        scatter,  # in/out  (n_shards, ...) float64, about the means
        objective,  # in/out  (n_shards,) float64, weighted log-likelihood
    ):
        """One EM pass."""
        d, R = tiles.shape[1], tiles.shape[2]
        work, resp = np.empty((d + 2, R), tiles.dtype), np.empty((means.shape[0], R))
        top, log_norm = np.empty(R), np.empty(R)
        for t in range(start, stop):
            share = weight[t * R : (t + 1) * R]
            log_prob(tiles[t], means, factor, log_const, work, resp)
            respond(resp, top, log_norm)
            for r in range(R):
                objective[shard] += share[r] * log_norm[r] if share[r] > 0.0 else 0.0
            for c in range(resp.shape[0]):
                for r in range(R):
                    resp[c, r] *= share[r]
            add_tile(tiles[t], resp, means, work, counts[shard], sums[shard], scatter[shard])

    @parallel_kernel
    def infer(
        shard,
        start,
        stop,  # in   tiles of this shard
        tiles,  # in   (n_tiles, d, R)
        means,  # in   (k, d)
        factor,  # in   as the type has it
        log_const,  # in   (k,) float64
        labels,  # out  (n,) int64
        log_norm,  # out  (n,) float64
        resp,  # out  (n, k) float64; (0, k) where not wanted
    ):
        """E-step of every row."""
        d, R = tiles.shape[1], tiles.shape[2]
        work, joint = np.empty((d + 2, R), tiles.dtype), np.empty((means.shape[0], R))
        top, norm, best = np.empty(R), np.empty(R), np.empty(R)
        for t in range(start, stop):
            first = t * R
            valid = min(R, labels.size - first)
            log_prob(tiles[t], means, factor, log_const, work, joint)
            largest(joint, top, best)
            respond(joint, top, norm)
            for r in range(valid):
                labels[first + r] = np.int64(best[r])
                log_norm[first + r] = norm[r]
            for r in range(min(valid, resp.shape[0])):
                for c in range(joint.shape[0]):
                    resp[first + r, c] = joint[c, r]

    @parallel_kernel
    def accumulate(
        shard,
        start,
        stop,  # in      tiles of this shard
        tiles,  # in      (n_tiles, d, R)
        weight,  # in      (n_tiles * R,) float64, zero where padded
        means,  # in      (k, d)
        resp,  # in      (m, k) float64, of the rows from tile `offset` on
        offset,  # in      tile
        counts,  # in/out  (n_shards, k) float64
        sums,  # in/out  (n_shards, k, d) float64, about the means
        scatter,  # in/out  (n_shards, ...) float64, about the means
    ):
        """Totals for given responsibilities."""
        d, R = tiles.shape[1], tiles.shape[2]
        work, share = np.empty((d + 2, R), tiles.dtype), np.empty((means.shape[0], R))
        for t in range(start, stop):
            first = (t - offset) * R
            valid = min(R, resp.shape[0] - first)
            for c in range(share.shape[0]):
                for r in range(R):
                    share[c, r] = weight[t * R + r] * resp[first + r, c] if r < valid else 0.0
            add_tile(tiles[t], share, means, work, counts[shard], sums[shard], scatter[shard])

    return expect, infer, accumulate
