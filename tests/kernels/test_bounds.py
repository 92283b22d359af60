"""NUMBA_BOUNDSCHECK=1, on which `nox -s bounds` relies, does see a kernel beyond its arrays."""

import pytest
from surroundings import run

OVERRUN = """
import numpy as np
from fastmix.kernels.tiles import square

X, squares = np.full((64, 3), 2.0), np.zeros((1, 3))
square(1, np.array([0, 64]), X, np.zeros(3), 1.0, squares)
print(squares.tolist())
try:
    square(1, np.array([0, 64]), X, np.zeros(2), 1.0, squares)
except IndexError:
    print("IndexError")
"""


@pytest.mark.compiled
def test_one_feature_too_few_is_an_index_error(tmp_path):
    printed = run(OVERRUN, NUMBA_BOUNDSCHECK=1, FASTMIX_CACHE_DIR=tmp_path / "cache")
    assert printed.splitlines() == ["[[256.0, 256.0, 256.0]]", "IndexError"]
