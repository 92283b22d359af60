"""Register-tiled moments equal their plain twins, at every odd shape and width of vectors."""

import numpy as np
import pytest
from numba.core.errors import TypingError
from numpy.testing import assert_allclose, assert_array_equal

from fastmix._numba import kernel
from fastmix.kernels import simd_moments as simd
from fastmix.kernels.tiles import tile_rows

SHAPES = [(1, 1), (2, 3), (3, 2), (4, 4), (5, 5), (7, 1), (8, 6), (9, 11), (17, 3)]
FIRST, GROUP, TILES = 1, 2, 4  # a range inside a larger array


@kernel
def call_moments(tiles, first, means, resp, places, sizes, counts, sums, scatter):
    simd.add_moments(tiles, first, means, resp, places, sizes, counts, sums, scatter)


@kernel
def call_variances(tiles, first, means, resp, places, sizes, counts, sums, scatter):
    simd.add_diagonal_moments(tiles, first, means, resp, places, sizes, counts, sums, scatter)


@kernel
def call_first_moments(tiles, first, means, resp, places, sizes, counts, sums, scatter):
    simd.add_first_moments(tiles, first, means, resp, places, sizes, counts, sums, scatter)


def gaps_of(p, c):
    return p.tiles[FIRST : FIRST + GROUP].astype(np.float64) - p.means[c][:, None]


SECOND = {  # second moments (d, d) or (d,) of gaps (tiles, d, R) with weights (tiles, R)
    "moments": lambda gaps, r: np.tril(np.einsum("tr,tir,tjr->ij", r, gaps, gaps)),
    "variances": lambda gaps, r: np.einsum("tr,tir->i", r, gaps**2),
    "first": lambda gaps, r: 0.0,
}


class Problem:
    """Random arguments of one shape and dtype: some components matter to both tiles, to one, to none."""

    def __init__(self, d, k, dtype):
        rng = np.random.default_rng(d * 100 + k)
        self.R = tile_rows(dtype)
        self.tiles = rng.normal(size=(TILES, d, self.R)).astype(dtype)
        self.means = rng.normal(size=(k, d)).astype(dtype)
        self.resp = rng.random((k, GROUP * self.R)).astype(dtype)
        self.sizes = np.arange(k)[::-1] % (GROUP + 1)  # component k - 1 matters nowhere
        self.sizes[0] = GROUP
        self.places = np.full((k, GROUP), 1 << 40)  # beyond the sizes: nobody may look
        for c, size in enumerate(self.sizes):
            self.places[c, :size] = np.sort(rng.permutation(GROUP)[:size])

    def shares(self, c):
        """Responsibilities of a component, zero where it does not matter, (GROUP, R)."""
        r = np.zeros((GROUP, self.R))
        held = self.places[c, : self.sizes[c]]
        r[held] = self.resp[c].reshape(GROUP, self.R)[held]
        return r


@pytest.fixture(params=SHAPES, ids=str)
def problem(request, dtype):
    return Problem(*request.param, dtype)


three_kinds = pytest.mark.parametrize(
    ("call", "name"),
    [(call_moments, "moments"), (call_variances, "variances"), (call_first_moments, "first")],
    ids=["moments", "variances", "first"],
)


@three_kinds
def test_moments_are_those_of_the_tiles_where_a_component_matters(
    call, name, problem, dtype, guarded
):
    p = problem
    k, d = p.means.shape
    got = [guarded(np.ones(s)) for s in ((k,), (k, d), (k, d, d) if name == "moments" else (k, d))]
    call(p.tiles, FIRST, p.means, guarded(p.resp), guarded(p.places), guarded(p.sizes), *got)
    counts, sums, scatter = got
    for c in range(k):
        r, gaps = p.shares(c), gaps_of(p, c)
        # sums of up to 128 numbers of about 1 in the dtype of the rows
        atol = 400 * np.finfo(dtype).eps * p.R
        assert_allclose(counts[c], 1 + r.sum(), rtol=0, atol=atol)
        assert_allclose(sums[c], 1 + np.einsum("tr,tir->i", r, gaps), rtol=0, atol=atol)
        low = np.tril(np.ones((d, d), bool)) if name == "moments" else ...
        second = np.broadcast_to(SECOND[name](gaps, r), scatter[c].shape)
        assert_allclose(scatter[c][low], 1 + second[low], rtol=0, atol=atol)
        if p.sizes[c] == 0:
            assert_array_equal(counts[c], 1)
            assert_array_equal(sums[c], 1)
            assert_array_equal(scatter[c], 1)


@pytest.mark.parametrize(
    ("call", "plain"),
    [
        (call_moments, simd._plainly(lambda gaps, r: np.tril((r * gaps) @ gaps.T))),
        (call_variances, simd._plainly(lambda gaps, r: (gaps * gaps) @ r)),
        (call_first_moments, simd._plainly(None)),
    ],
    ids=["moments", "variances", "first"],
)
def test_moments_equal_the_plain_twin(call, plain, problem, dtype):
    p = problem
    k, d = p.means.shape
    shape = (k, d, d) if call is call_moments else (k, d)
    got, expected = ([np.ones(k), np.ones((k, d)), np.ones(shape)] for _ in range(2))
    call(p.tiles, FIRST, p.means, p.resp, p.places, p.sizes, *got)
    wide = (np.asarray(array, np.float64) for array in (p.means, p.resp))
    plain(p.tiles.astype("f8"), FIRST, *wide, p.places, p.sizes, *expected)
    low = np.tril(np.ones((d, d), bool)) if len(shape) == 3 else ...
    got[2], expected[2] = got[2][:, low], expected[2][:, low]
    for one, other in zip(got, expected, strict=True):
        assert_allclose(one, other, rtol=0, atol=400 * np.finfo(dtype).eps * p.R)


@pytest.mark.parametrize("call", [call_moments, call_variances, call_first_moments])
def test_integers_are_added_up_exactly(call, dtype):
    """Four rows at 1, 2, 3, 4 with weights 1, 0, 2, 1 about 2: 4, 3 and 1 + 0 + 2 + 4."""
    R = tile_rows(dtype)
    tiles, resp = np.zeros((1, 1, R), dtype), np.zeros((1, R), dtype)
    tiles[0, 0, :4], resp[0, :4] = [1, 2, 3, 4], [1, 0, 2, 1]
    counts, sums, scatter = np.zeros(1), np.zeros((1, 1)), np.zeros((1, 1))
    scatter = scatter[None] if call is call_moments else scatter
    places, sizes = np.zeros((1, 1), np.int64), np.ones(1, np.int64)
    call(tiles, 0, np.full((1, 1), 2, dtype), resp, places, sizes, counts, sums, scatter)
    assert (counts.item(), sums.item()) == (4, 3)
    assert scatter.item() == (0 if call is call_first_moments else 7)


@pytest.mark.compiled
def test_arrays_of_another_layout_or_dtype_are_refused_when_compiled():
    p = Problem(2, 3, np.dtype(np.float64))
    totals = np.zeros(3), np.zeros((3, 2)), np.zeros((3, 2))
    given = p.places, p.sizes, *totals
    for means in (np.asfortranarray(p.means), p.means.astype(np.float32), p.means[:, ::-1]):
        with pytest.raises(TypingError, match="means must be a C-ordered array of float64"):
            call_variances(p.tiles, FIRST, means, p.resp, *given)
    places = np.asfortranarray(p.places)
    with pytest.raises(TypingError, match="places must be a C-ordered array of int64"):
        call_variances(p.tiles, FIRST, p.means, p.resp, places, p.sizes, *totals)
    single = [array.astype(np.float32) for array in totals]
    with pytest.raises(TypingError, match="counts must be a C-ordered array of float64"):
        call_variances(p.tiles, FIRST, p.means, p.resp, p.places, p.sizes, *single)
