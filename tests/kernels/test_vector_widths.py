"""The register-tiled kernels on narrower vectors than this CPU's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = (
    "test_simd_boxes.py",
    "test_simd_log_prob.py",
    "test_simd_moments.py",
    "test_simd_responsibilities.py",
    "test_exact.py",
    "test_filtering.py",
    "test_hamerly.py",
    "test_lloyd.py",
    "test_predictions.py",
    "test_seeding.py",
)


@pytest.mark.compiled
@pytest.mark.parametrize("vector_bytes", ["16", "32"])
def test_narrow_vectors_give_the_same(vector_bytes, tmp_path):
    environment = {
        **os.environ,
        "FASTMIX_VECTOR_BYTES": vector_bytes,
        "FASTMIX_CACHE_DIR": str(tmp_path),
    }
    files = [str(HERE / name) for name in FILES]
    command = [sys.executable, "-m", "pytest", "-q", "-x", *files]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
    assert run.returncode == 0, run.stdout[-3000:]
