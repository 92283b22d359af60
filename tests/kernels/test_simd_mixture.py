"""Register-tiled loops equal their plain twins, at every odd shape and width of vectors."""

import numpy as np
import pytest
from numba.core.errors import TypingError
from numpy.testing import assert_allclose

from fastmix._numba import kernel
from fastmix.kernels import simd_mixture as simd
from fastmix.kernels.tiles import tile_rows

SHAPES = [(1, 1), (2, 3), (3, 2), (4, 4), (5, 5), (7, 1), (8, 6), (9, 11), (17, 3)]
FIRST, LAST, TILES = 1, 3, 4  # a range inside a larger array


@kernel
def call_whitened(tiles, first, last, means, W, bias, out):
    simd.whitened_log_prob(tiles, first, last, means, W, bias, out)


@kernel
def call_scaled_gaps(tiles, first, last, means, scale, bias, out):
    simd.diagonal_log_prob(tiles, first, last, means, scale, bias, out)


@kernel
def call_gaps(tiles, first, last, means, scale, bias, out):
    simd.spherical_log_prob(tiles, first, last, means, scale, bias, out)


@kernel
def call_moments(tiles, first, last, means, resp, counts, sums, scatter):
    simd.add_moments(tiles, first, last, means, resp, counts, sums, scatter)


@kernel
def call_variances(tiles, first, last, means, resp, counts, sums, scatter):
    simd.add_diagonal_moments(tiles, first, last, means, resp, counts, sums, scatter)


@kernel
def call_whiten(tiles, first, last, W, white):
    simd.whiten(tiles, first, last, W, white)


class Problem:
    """Random arguments of one shape and dtype."""

    def __init__(self, d, k, dtype):
        rng = np.random.default_rng(d * 100 + k)
        self.R, self.width = tile_rows(dtype), (LAST - FIRST) * tile_rows(dtype)
        self.tiles = rng.normal(size=(TILES, d, self.R)).astype(dtype)
        self.means = rng.normal(size=(k, d)).astype(dtype)
        self.W = np.tril(rng.normal(size=(k, d, d))).astype(dtype)
        self.scales = rng.uniform(0.5, 2, (k, d)).astype(dtype)
        self.radii = self.scales[:, 0].copy()
        self.bias = rng.normal(size=k).astype(dtype)
        self.resp = rng.random((k, self.width)).astype(dtype)


def guarded(shape, dtype, fill):
    """An array with untouchable neighbours before and after, and a check of them."""
    size = int(np.prod(shape))
    whole = np.full(size + 128, np.nan, dtype)
    whole[64 : 64 + size] = fill

    def untouched():
        return np.isnan(whole[:64]).all() and np.isnan(whole[64 + size :]).all()

    return whole[64 : 64 + size].reshape(shape), untouched


def wide(*arrays):
    return [np.asarray(array, np.float64) for array in arrays]


@pytest.fixture(params=SHAPES, ids=str)
def problem(request, dtype):
    return Problem(*request.param, dtype)


def close(got, expected, dtype):
    # sums of up to 17 + 17 products of numbers of about 1, or of some hundred rows
    assert_allclose(got, expected, rtol=200 * np.finfo(dtype).eps, atol=400 * np.finfo(dtype).eps)


@pytest.mark.parametrize(
    ("call", "plain", "parameter"),
    [
        (call_whitened, simd._whitened_log_prob_plainly, "W"),
        (call_scaled_gaps, simd._diagonal_log_prob_plainly, "scales"),
        (call_gaps, simd._spherical_log_prob_plainly, "radii"),
    ],
    ids=["whitened", "scaled_gaps", "gaps"],
)
def test_log_probabilities_equal_the_plain_twin(call, plain, parameter, problem, dtype):
    p = problem
    out, untouched = guarded((len(p.means), p.width), dtype, 0)
    expected = np.empty(out.shape)
    call(p.tiles, FIRST, LAST, p.means, getattr(p, parameter), p.bias, out)
    plain(
        p.tiles.astype("f8"), FIRST, LAST, *wide(p.means, getattr(p, parameter), p.bias), expected
    )
    scale = 1 + np.abs(expected)
    close(out / scale, expected / scale, dtype)
    assert untouched()


@pytest.mark.parametrize(
    ("call", "plain", "matrices"),
    [
        (call_moments, simd._add_moments_plainly, True),
        (call_variances, simd._add_diagonal_moments_plainly, False),
    ],
    ids=["moments", "variances"],
)
def test_moments_equal_the_plain_twin(call, plain, matrices, problem, dtype):
    p = problem
    k, d = p.means.shape
    got, expected, guards = [], [], []
    for shape in ((k,), (k, d), (k, d, d) if matrices else (k, d)):
        array, untouched = guarded(shape, np.float64, 1)
        got.append(array)
        expected.append(np.ones(shape))
        guards.append(untouched)
    call(p.tiles, FIRST, LAST, p.means, p.resp, *got)
    plain(p.tiles.astype("f8"), FIRST, LAST, *wide(p.means, p.resp), *expected)
    for one, other in zip(got, expected, strict=True):
        scale = p.width
        low = np.tril(np.ones((d, d), bool)) if one.ndim == 3 else ...
        one, other = (one[:, low], other[:, low]) if one.ndim == 3 else (one, other)
        close(one / scale, other / scale, dtype)
    assert all(untouched() for untouched in guards)


def test_whitening_equals_the_plain_twin(problem, dtype):
    p = problem
    d = p.means.shape[1]
    white, untouched = guarded((LAST - FIRST, d, p.R), dtype, 0)
    expected = np.empty(white.shape)
    call_whiten(p.tiles, FIRST, LAST, p.W[0], white)
    simd._whiten_plainly(p.tiles.astype("f8"), FIRST, LAST, p.W[0].astype("f8"), expected)
    close(white, expected, dtype)
    assert untouched()


@pytest.mark.parametrize(
    "plain", [simd._whitened_log_prob_plainly, simd._diagonal_log_prob_plainly]
)
def test_a_row_out_of_reach_has_log_probability_minus_infinity(plain):
    tiles = np.full((1, 2, 32), 1e200)
    means, bias, out = np.zeros((1, 2)), np.zeros(1), np.zeros((1, 32))
    matrix = np.array([[[1.0, 0.0], [-1e200, 1e200]]])  # inf - inf on the way
    call, parameter = (
        (call_whitened, matrix)
        if plain is simd._whitened_log_prob_plainly
        else (call_scaled_gaps, np.ones((1, 2)))
    )
    with np.errstate(over="ignore", invalid="ignore"):
        call(tiles, 0, 1, means, parameter, bias, out)
    assert (out == -np.inf).all()


@pytest.mark.compiled
def test_arrays_of_another_layout_or_dtype_are_refused_when_compiled():
    p = Problem(2, 3, np.dtype(np.float64))
    out = np.zeros((3, p.width))
    for means in (np.asfortranarray(p.means), p.means.astype(np.float32), p.means[:, ::-1]):
        with pytest.raises(TypingError, match="means must be a C-ordered array of float64"):
            call_gaps(p.tiles, FIRST, LAST, means, p.radii, p.bias, out)
