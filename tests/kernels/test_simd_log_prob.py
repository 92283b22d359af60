"""Register-tiled log-probabilities equal their plain twins, at every odd shape and width of vectors."""

import numpy as np
import pytest
from numba.core.errors import TypingError
from numpy.testing import assert_allclose, assert_array_equal

from fastmix._numba import kernel
from fastmix.kernels import simd_log_prob as simd
from fastmix.kernels.tiles import tile_rows

SHAPES = [(1, 1), (2, 3), (3, 2), (4, 4), (5, 5), (7, 1), (8, 6), (9, 11), (17, 3)]
FIRST, LAST, TILES = 1, 3, 4  # a range inside a larger array
UNTOUCHED = -7


@kernel
def call_whitened(tiles, first, last, means, W, bias, members, sizes, out):
    simd.whitened_log_prob(tiles, first, last, means, W, bias, members, sizes, out)


@kernel
def call_scaled_gaps(tiles, first, last, means, scale, bias, members, sizes, out):
    simd.diagonal_log_prob(tiles, first, last, means, scale, bias, members, sizes, out)


@kernel
def call_gaps(tiles, first, last, means, scale, bias, members, sizes, out):
    simd.spherical_log_prob(tiles, first, last, means, scale, bias, members, sizes, out)


@kernel
def call_whiten(tiles, first, last, W, white):
    simd.whiten(tiles, first, last, W, white)


class Problem:
    """Random arguments of one shape and dtype, with other members in each of the tiles."""

    def __init__(self, d, k, dtype):
        rng = np.random.default_rng(d * 100 + k)
        self.R, self.width = tile_rows(dtype), (LAST - FIRST) * tile_rows(dtype)
        self.tiles = rng.normal(size=(TILES, d, self.R)).astype(dtype)
        self.means = rng.normal(size=(k, d)).astype(dtype)
        self.W = np.tril(rng.normal(size=(k, d, d))).astype(dtype)
        self.scales = rng.uniform(0.5, 2, (k, d)).astype(dtype)
        self.radii = self.scales[:, 0].copy()
        self.bias = rng.normal(size=k).astype(dtype)
        self.everybody = np.tile(np.arange(k), (LAST - FIRST, 1)), np.full(LAST - FIRST, k)
        self.sizes = np.array([k // 2, k])[: LAST - FIRST]
        self.members = np.full((LAST - FIRST, k), 1 << 40)  # beyond the sizes: nobody may look
        for t, size in enumerate(self.sizes):
            self.members[t, :size] = np.sort(rng.permutation(k)[:size])


@pytest.fixture(params=SHAPES, ids=str)
def problem(request, dtype):
    return Problem(*request.param, dtype)


def wide(*arrays):
    return [np.asarray(array, np.float64) for array in arrays]


def close(got, expected, dtype):
    # sums of up to 17 + 17 products of numbers of about 1, or of some hundred rows
    assert_allclose(got, expected, rtol=200 * np.finfo(dtype).eps, atol=400 * np.finfo(dtype).eps)


three_kinds = pytest.mark.parametrize(
    ("call", "plain", "parameter"),
    [
        (call_whitened, simd._whitened_log_prob_plainly, "W"),
        (call_scaled_gaps, simd._diagonal_log_prob_plainly, "scales"),
        (call_gaps, simd._spherical_log_prob_plainly, "radii"),
    ],
    ids=["whitened", "scaled_gaps", "gaps"],
)


@three_kinds
def test_log_probabilities_equal_the_plain_twin(call, plain, parameter, problem, dtype, guarded):
    p = problem
    out = guarded(np.zeros((len(p.means), p.width), dtype))
    expected = np.empty(out.shape)
    tables = p.means, getattr(p, parameter), p.bias
    call(p.tiles, FIRST, LAST, *tables, *p.everybody, out)
    plain(p.tiles.astype("f8"), FIRST, LAST, *wide(*tables), *p.everybody, expected)
    scale = 1 + np.abs(expected)
    close(out / scale, expected / scale, dtype)


@three_kinds
def test_only_members_of_a_tile_are_looked_at(call, plain, parameter, problem, dtype, guarded):
    p = problem
    k = len(p.means)
    tables = p.means, getattr(p, parameter), p.bias
    everything = np.empty((k, p.width), dtype)
    call(p.tiles, FIRST, LAST, *tables, *p.everybody, everything)
    expected = np.full_like(everything, UNTOUCHED)
    for t, size in enumerate(p.sizes):
        rows = slice(t * p.R, (t + 1) * p.R)
        expected[p.members[t, :size], rows] = everything[p.members[t, :size], rows]
    members, sizes = guarded(p.members), guarded(p.sizes)
    out = guarded(np.full_like(everything, UNTOUCHED))
    call(p.tiles, FIRST, LAST, *tables, members, sizes, out)
    assert_array_equal(out, expected)  # the same bits, whoever is asked for beside a component


def test_whitening_equals_the_plain_twin(problem, dtype, guarded):
    p = problem
    d = p.means.shape[1]
    white = guarded(np.zeros((LAST - FIRST, d, p.R), dtype))
    expected = np.empty(white.shape)
    call_whiten(p.tiles, FIRST, LAST, p.W[0], white)
    simd._whiten_plainly(p.tiles.astype("f8"), FIRST, LAST, p.W[0].astype("f8"), expected)
    close(white, expected, dtype)


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (call_whitened, np.array([[[1.0, 0.0], [-1e200, 1e200]]])),  # inf - inf on the way
        (call_scaled_gaps, np.ones((1, 2))),
        (call_gaps, np.ones(1)),
    ],
    ids=["whitened", "scaled_gaps", "gaps"],
)
def test_a_row_out_of_reach_has_log_probability_minus_infinity(call, parameter):
    tiles = np.full((1, 2, 32), 1e200)
    means, bias, out = np.zeros((1, 2)), np.zeros(1), np.zeros((1, 32))
    with np.errstate(over="ignore", invalid="ignore"):
        call(tiles, 0, 1, means, parameter, bias, np.zeros((1, 1), np.int64), np.ones(1, int), out)
    assert (out == -np.inf).all()


@pytest.mark.compiled
def test_arrays_of_another_layout_or_dtype_are_refused_when_compiled():
    p = Problem(2, 3, np.dtype(np.float64))
    out = np.zeros((3, p.width))
    for means in (np.asfortranarray(p.means), p.means.astype(np.float32), p.means[:, ::-1]):
        with pytest.raises(TypingError, match="means must be a C-ordered array of float64"):
            call_gaps(p.tiles, FIRST, LAST, means, p.radii, p.bias, *p.everybody, out)
    members, sizes = p.everybody
    given = members.astype(np.int32), sizes
    with pytest.raises(TypingError, match="members must be a C-ordered array of int64"):
        call_gaps(p.tiles, FIRST, LAST, p.means, p.radii, p.bias, *given, out)
