"""NUMBA_BOUNDSCHECK=1, on which `nox -s bounds` relies, does see a kernel that runs over its arrays."""

import os
import subprocess
import sys

import pytest

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
    environment = {"NUMBA_BOUNDSCHECK": "1", "FASTMIX_CACHE_DIR": str(tmp_path / "cache")}
    run = subprocess.run(
        [sys.executable, "-c", OVERRUN],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["[[256.0, 256.0, 256.0]]", "IndexError"]
