"""Rows in tiles, made with plain NumPy, and arrays whose neighbourhood must stay as it was."""

from typing import NamedTuple

import numpy as np
import pytest

from fastmix.engine.covariances import COVARIANCES
from fastmix.kernels.tiles import tile_rows

GUARD = 64
SIZES = {  # whole tiles, rows beyond them, features, clusters
    "one row": (0, 1, 1, 1),
    "below one tile": (0, 5, 2, 3),
    "R rows": (1, 0, 3, 2),
    "R+1 rows": (1, 1, 4, 5),
    "several tiles": (3, 5, 5, 4),
    "wide": (2, 0, 9, 11),
    "one cluster": (0, 3, 9, 1),
    "one feature": (1, 1, 1, 11),
}


class Size(NamedTuple):
    """Size of a problem."""

    n: int  # rows
    d: int  # features
    k: int  # clusters or components


@pytest.fixture(params=SIZES.values(), ids=SIZES.keys())
def size(request, dtype):
    whole, beyond, d, k = request.param
    return Size(whole * tile_rows(dtype) + beyond, d, k)


@pytest.fixture(params=COVARIANCES, scope="session")
def covariance_type(request):
    return request.param


@pytest.fixture(scope="session")
def in_tiles():
    """Maker of tiles (n_tiles, d, R) from rows X (n, d)."""

    def make(X, padding=0):
        n, d = X.shape
        R = tile_rows(X.dtype)
        padded = np.full((-(-n // R) * R, d), padding, X.dtype)
        padded[:n] = X
        return np.ascontiguousarray(padded.reshape(-1, R, d).swapaxes(1, 2))

    return make


@pytest.fixture(scope="session")
def in_lanes():
    """Maker of one number a lane of tiles from one a row, `padding` beyond the rows."""

    def make(values, tiles, padding=0):
        lanes = np.full(len(tiles) * tiles.shape[2], padding, values.dtype)
        lanes[: len(values)] = values
        return lanes

    return make


@pytest.fixture
def guarded():
    """Maker of copies that lie between two guards, which must be untouched when the test ends.

    The guards are NaN, so a kernel that reads beyond an input shows it too.
    """
    guards = []

    def make(array):
        array = np.asarray(array)
        sentinel = np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).min
        buffer = np.full(array.size + 2 * GUARD, sentinel, array.dtype)
        inner = buffer[GUARD : GUARD + array.size].reshape(array.shape)
        inner[...] = array
        guards.append((buffer, sentinel))
        return inner

    yield make
    for buffer, sentinel in guards:
        np.testing.assert_array_equal(buffer[:GUARD], sentinel)
        np.testing.assert_array_equal(buffer[-GUARD:], sentinel)
