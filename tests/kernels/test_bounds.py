"""NUMBA_BOUNDSCHECK=1, on which `nox -s bounds` relies, does see a kernel beyond its arrays."""

import pytest
from surroundings import run

OVERRUN = """
import numpy as np
from fastmix.kernels.tiles import square

tiles, squares = np.full((2, 3, 32), 2.0), np.zeros((1, 3))
square(1, np.array([0, 2]), tiles, squares)
print(squares.tolist())
try:
    square(1, np.array([0, 3]), tiles, squares)
except IndexError:
    print("IndexError")
"""


@pytest.mark.compiled
def test_one_tile_too_many_is_an_index_error(tmp_path):
    printed = run(OVERRUN, NUMBA_BOUNDSCHECK=1, FASTMIX_CACHE_DIR=tmp_path / "cache")
    assert printed.splitlines() == ["[[256.0, 256.0, 256.0]]", "IndexError"]
