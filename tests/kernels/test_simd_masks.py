"""Words of 64 rows: the bits are those of the plain loops."""

import numpy as np
import pytest
from numba.core.errors import TypingError
from numpy.testing import assert_array_equal

from fastmix._numba import kernel
from fastmix.kernels import simd_masks
from fastmix.kernels.simd_masks import ROWS


@kernel
def unequal(left, right):
    return simd_masks.unequal(left, right)


@kernel
def close(best, second, up, down, room):
    return simd_masks.close(best, second, up, down, room)


@kernel
def lowest_bit(word):
    return simd_masks.lowest_bit(word)


def bits(word):
    return (np.uint64(word) >> np.arange(ROWS, dtype=np.uint64)) & np.uint64(1) == 1


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_rows_that_differ(rng, guarded, share):
    left = guarded(rng.randint(-1, 9, ROWS).astype(np.int32))
    other = rng.uniform(size=ROWS) < share
    right = guarded(np.where(other, left + 1, left).astype(np.int32))
    assert_array_equal(bits(unequal(left, right)), other)
    assert unequal(left, right) == simd_masks._unequal_plainly(left, right)


def test_rows_whose_second_center_is_not_clearly_farther(rng, guarded):
    best = guarded(rng.randint(1, 9, ROWS).astype(np.float32))
    second = guarded(best + rng.randint(0, 4, ROWS).astype(np.float32))
    second[3], second[4], best[5], second[5] = np.inf, np.nan, np.inf, np.inf
    factors = np.float32(1.125), np.float32(0.875), np.float32(0.25)
    up, down, room = factors
    with np.errstate(invalid="ignore"):
        expected = ~(best * up + room < second * down)
    assert not expected[3]
    assert expected[4:6].all()
    assert_array_equal(bits(close(best, second, *factors)), expected)
    assert_array_equal(bits(simd_masks._close_plainly(best, second, *factors)), expected)


@pytest.mark.parametrize("bit", [0, 1, 31, 32, 63])
def test_the_lowest_bit(bit):
    high = np.uint64(1) << np.uint64(63)
    assert lowest_bit((np.uint64(1) << np.uint64(bit)) | high) == bit


@kernel
def fetch(X, i):
    simd_masks.fetch(X, i)
    return True


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 7), (3, 500)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_fetched_stays_what_it_is(guarded, shape, dtype):
    X = guarded(np.ones(shape, dtype))
    assert all(fetch(X, i) for i in range(len(X)))
    assert (X == 1).all()


@pytest.mark.compiled
def test_rows_are_fetched_line_by_line_and_single_numbers_at_once():
    fetch(np.ones((3, 40)), 0)
    fetch(np.ones(3), 0)
    lines = {2: 4, 1: 1}  # by dimensions
    for signature in fetch.signatures:
        code = fetch.inspect_llvm(signature)
        assert code.count("call void @llvm.prefetch") == lines[signature[0].ndim]
    with pytest.raises(TypingError, match="C-ordered"):
        fetch(np.ones((3, 40)).T, 0)
