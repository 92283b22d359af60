"""The passes over the rows that every covariance type shares.

`passes(log_prob, add)` compiles, for one type whose kernels work on a group of tiles,

    expect      E-step and totals of the M-step in one reading of the rows, no (n, k) array
    infer       E-step alone: labels, log-likelihoods, responsibilities, whichever are wanted
    rank        the two most probable components, by which rows are put in order
    accumulate  totals for responsibilities that are given, from which a fit starts
    tally       the same for labels

A group is as many tiles as stay, with their responsibilities, in a core's own cache.
"""

from typing import Any, NamedTuple

import numpy as np

from fastmix._numba import kernel, parallel_kernel
from fastmix.kernels.certificates import admit, certify, drift
from fastmix.kernels.responsibilities import (
    largest,
    log_likelihood,
    log_sums,
    places_of,
    two_largest,
)
from fastmix.kernels.simd_responsibilities import respond
from fastmix.kernels.tiles import pack_rows

GROUP_BYTES = 1 << 18


class Passes(NamedTuple):
    """The passes of one covariance type, and the kernels that they are made of."""

    log_prob: Any
    add: Any
    locate: Any
    expect: parallel_kernel
    infer: parallel_kernel
    rank: parallel_kernel
    accumulate: parallel_kernel
    tally: parallel_kernel


def group_tiles(k, d, R, size):
    """Number of tiles in a group, for R rows of k responsibilities and d features of `size` bytes."""
    return max(1, GROUP_BYTES // (size * (d + k) * R))


@kernel(inline=True)
def everybody(group, k):
    """Members (group, k) and sizes (group,) of tiles in which every component may matter."""
    members, sizes = np.empty((group, k), np.int64), np.empty(group, np.int64)
    sizes[:] = k
    for t in range(group):
        for c in range(k):
            members[t, c] = c
    return members, sizes


@kernel(inline=True)
def themselves(means, factor):
    """Means where log_prob is to measure from the means."""
    return means


def passes(log_prob, add, locate=themselves):
    """The passes of a covariance type with these kernels; log_prob measures from `locate`'s points."""

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
        reach,  # in      (k,) below a row's best log-probability
        low,  # in      (k,) factors of distances since the last pass, as `drift` has them; this and
        # the next five are None where nothing is ever skipped, and Numba leaves out what is for them
        high,  # in      (k,)
        shift,  # in      (k,)
        near,  # in/out  (n_tiles, k) float32; (0, k) where components are not to be skipped
        far,  # in/out  (n_tiles,) float32
        home,  # in/out  (n_tiles,) int64
        counts,  # in/out  (n_shards, k) float64
        sums,  # in/out  (n_shards, k, d) float64, about the means
        scatter,  # in/out  (n_shards, ...) float64, about the means
        objective,  # in/out  (n_shards,) float64, weighted log-likelihood
    ):
        """One EM pass."""
        k, R = means.shape[0], tiles.shape[2]
        resp, holds = np.empty((k, group * R), tiles.dtype), np.empty((k, group), np.uint8)
        top, total = np.empty(group * R), np.empty(group * R)
        members, sizes = everybody(group, k)
        places, n_places = np.empty((k, group), np.int64), np.empty(k, np.int64)
        points, noted = locate(means, factor), 0
        if near is not None:
            noted = group if len(near) > 0 else 0
        extremes = np.empty((noted, k, 2), tiles.dtype)
        for first in range(start, stop, group):
            last = min(first + group, stop)
            share = weight[first * R : last * R]
            if near is not None:
                if noted:
                    drift(first, last, low, high, shift, near, far, home)
                    admit(first, last, near, far, home, log_const, reach, members, sizes)
            log_prob(tiles, first, last, points, factor, log_const, members, sizes, resp)
            respond(resp, last - first, members, sizes, reach, share, top, total, holds, extremes)
            if near is not None:
                if noted:
                    certify(first, last, members, sizes, log_const, extremes, near, far, home)
            objective[shard] += log_likelihood(top, total, share, R)
            places_of(holds, last - first, places, n_places)
            add(
                tiles,
                first,
                points,
                means,
                resp,
                places,
                n_places,
                counts[shard],
                sums[shard],
                scatter[shard],
            )

    @parallel_kernel
    def infer(
        shard,
        start,
        stop,  # in   tiles of this shard
        X,  # in   (n, d)
        origin,  # in   (d,)
        R,  # in   rows in a tile
        group,  # in   tiles in a group
        means,  # in   (k, d)
        factor,  # in   as the type has it
        log_const,  # in   (k,)
        labels,  # out  (n,) int64; (0,) where not wanted
        log_norm,  # out  (n,) float64; (0,) where not wanted
        resp,  # out  (n, k); (0, k) where not wanted
    ):
        """E-step of every row; a row beyond the dtype's reach has label -1 and log_norm -inf."""
        (n, d), k = X.shape, means.shape[0]
        tiles, joint = np.empty((group, d, R), X.dtype), np.empty((k, group * R), X.dtype)
        holds, ones = np.empty((k, group), np.uint8), np.empty(group * R)
        ones[:] = 1.0
        top, norm, best = np.empty(group * R), np.empty(group * R), np.empty(group * R)
        members, sizes = everybody(group, k)
        everywhere, unit = np.empty(k, X.dtype), X.dtype.type(1)
        everywhere[:] = -np.inf
        points, nothing = locate(means, factor), np.empty((0, k, 2), X.dtype)
        for first in range(start, stop, group):
            size = min(group, stop - first)
            m, row = size * R, first * R
            valid = min(m, n - row)
            pack_rows(X[row : row + valid], origin, unit, tiles[:size])
            log_prob(tiles, 0, size, points, factor, log_const, members, sizes, joint)
            if labels.size:
                largest(joint, m, top, best)
                for i in range(valid):
                    labels[row + i] = np.int64(best[i])
            if log_norm.size or resp.size:
                respond(
                    joint, size, members, sizes, everywhere, ones[:m], top, norm, holds, nothing
                )
            if log_norm.size:
                log_sums(top, norm[:m])
                for i in range(valid):
                    log_norm[row + i] = norm[i]
            if resp.size:
                for i in range(valid):
                    for c in range(k):
                        resp[row + i, c] = joint[c, i]

    @parallel_kernel
    def rank(
        shard,
        start,
        stop,  # in   tiles of this shard
        tiles,  # in   (n_tiles, d, R)
        group,  # in   tiles in a group
        means,  # in   (k, d)
        factor,  # in   as the type has it
        log_const,  # in   (k,)
        best,  # out  (n_tiles * R,) int64
        second,  # out  (n_tiles * R,) int64, the best one again where k = 1
    ):
        """The two most probable components of every row."""
        k, R = means.shape[0], tiles.shape[2]
        joint, points = np.empty((k, group * R), tiles.dtype), locate(means, factor)
        members, sizes = everybody(group, k)
        for first in range(start, stop, group):
            last = min(first + group, stop)
            m, row = (last - first) * R, first * R
            log_prob(tiles, first, last, points, factor, log_const, members, sizes, joint)
            two_largest(joint, m, best[row : row + m], second[row : row + m])

    accumulate, tally = totals_of(shares_of_resp, add), totals_of(shares_of_labels, add)
    return Passes(log_prob, add, locate, expect, infer, rank, accumulate, tally)


def totals_of(fill, add):
    """The pass that adds up totals where fill(given, row, weight, share, holds) shares out rows."""

    @parallel_kernel
    def accumulate(
        shard,
        start,
        stop,  # in      tiles of this shard
        tiles,  # in      (n_tiles, d, R)
        weight,  # in      (n_tiles * R,) float64, zero where padded
        group,  # in      tiles in a group
        means,  # in      (k, d)
        given,  # in      as fill has it, of the rows from tile `offset` on
        offset,  # in      tile
        counts,  # in/out  (n_shards, k) float64
        sums,  # in/out  (n_shards, k, d) float64, about the means
        scatter,  # in/out  (n_shards, ...) float64, about the means
    ):
        """Totals for rows whose shares are given."""
        k, R = means.shape[0], tiles.shape[2]
        share, holds = np.empty((k, group * R), tiles.dtype), np.empty((k, group), np.uint8)
        places, n_places = np.empty((k, group), np.int64), np.empty(k, np.int64)
        nowhere = means[:0]
        for first in range(start, stop, group):
            last = min(first + group, stop)
            fill(given, (first - offset) * R, weight[first * R : last * R], share, holds)
            places_of(holds, last - first, places, n_places)
            add(
                tiles,
                first,
                nowhere,
                means,
                share,
                places,
                n_places,
                counts[shard],
                sums[shard],
                scatter[shard],
            )

    return accumulate


@kernel
def shares_of_resp(
    resp,  # in   (n, k) float64
    row,  # in   the first row of the group
    weight,  # in   (m,) float64, of whole tiles
    share,  # out  (k, >= m) weight times responsibility, zero where padded
    holds,  # out  (k, >= tiles) uint8, whether a component has a share in a tile
):
    """Share out rows by their responsibilities."""
    valid, R = min(weight.size, len(resp) - row), share.shape[1] // holds.shape[1]
    for c in range(len(share)):
        for t in range(weight.size // R):
            holds[c, t] = 0
            for i in range(t * R, (t + 1) * R):
                r = weight[i] * resp[row + i, c] if i < valid else 0.0
                share[c, i] = r
                holds[c, t] |= r > 0.0


@kernel
def shares_of_labels(
    labels,  # in   (n,) int32
    row,  # in   the first row of the group
    weight,  # in   (m,) float64, of whole tiles
    share,  # out  (k, >= m) weight where the row is the component's, else zero
    holds,  # out  (k, >= tiles) uint8, whether a component has a row in a tile
):
    """Give every row to the component of its label."""
    valid, R = min(weight.size, len(labels) - row), share.shape[1] // holds.shape[1]
    share[:] = 0
    holds[:] = 0
    for i in range(valid):
        c = labels[row + i]
        share[c, i] = weight[i]
        holds[c, i // R] = 1
