"""What the compiler made of the kernels: wide fused multiply-adds, no calls, one parallel loop.

A test of speed that fails on the reason and not on the clock.
"""

import json
import pkgutil
import re
from importlib import import_module

import pytest
from llvmlite.binding import get_host_cpu_features
from surroundings import run

import fastmix.kernels
from fastmix._numba import parallel_kernel

HOST = get_host_cpu_features()
WIDE = any(HOST.get(feature, False) for feature in ("avx2", "avx512f"))
WIDE_FMA = re.compile(r"\bvfn?m(?:add|sub)\w*pd\b.*%[yz]mm")
# what is called, directly or by an address in a register
CALLED = re.compile(r"\b(?:callq?|movabsq)\s+\$?([A-Za-z_]\w*)")
DISTANCES = ("choose", "sq_distance", "squares")  # in lanes of boxes, of features and of rows
EXP_OR_LOG = re.compile(r"(?:\w*_)?(?:exp|log)(?:\d+|f)?(?:_\w*)?|\w*exponential\w*")

# The control shows what a call looks like.
PROBE = """
import json, math
import numpy as np
from fastmix._numba import kernel
from fastmix.kernels import (
    filtering, hamerly, lloyd, responsibilities, simd_responsibilities, tiles
)

R = 32
boxes = np.ones((3, R))
filtering.choose(boxes, boxes + 1, np.ones((2, 3)), 0.0, filtering.scratch(2, 3))
hamerly.sq_distance(np.ones(3), np.ones(3), 1.0, np.ones(3))
lloyd.squares.block(0, 0, 1, np.ones((1, 3, R)), np.ones(R), np.zeros(1))
members, holds = np.array([[0, 1]]), np.ones((2, 1), np.uint8)
rows, k = np.ones(R), np.ones(2)
resp, extremes = np.ones((2, R)), np.ones((1, 2, 2))
simd_responsibilities.respond(
    resp, 1, members, np.array([2]), k, rows, rows, rows.copy(), holds, extremes
)
responsibilities.log_likelihood(rows, rows, rows, R)
responsibilities.log_sums(rows, rows.copy())

@kernel
def control(x):
    for i in range(x.size):
        x[i] = math.exp(x[i]) + math.log(x[i])

control(np.ones(R))
arrays = np.ones((9, 3)), np.zeros(3), 1.0, np.zeros((1, 3))
tiles.square.driver(1, np.zeros(8, np.int64), np.zeros(8, np.int64), np.array([0, 9]), arrays)

def text(compiled):
    (asm,) = compiled.inspect_asm().values()
    return asm

metadata = tiles.square.driver.get_metadata().values()
found = {
    "choose": text(filtering.choose),
    "sq_distance": text(hamerly.sq_distance),
    "squares": text(lloyd.squares.block),
    "respond": text(simd_responsibilities.respond),
    "log_likelihood": text(responsibilities.log_likelihood),
    "log_sums": text(responsibilities.log_sums),
    "control": text(control),
    "parfors": [each["parfor_diagnostics"].count_parfors() for each in metadata],
}
print(json.dumps(found))
"""


def calls(asm):
    return [called for called in CALLED.findall(asm) if EXP_OR_LOG.fullmatch(called)]


@pytest.fixture(scope="module")
def probe():
    # without the cache: kernels that are read from it have no text
    return json.loads(run(PROBE, seconds=300, FASTMIX_CACHE=0))


@pytest.mark.compiled
@pytest.mark.skipif(not WIDE, reason="needs a CPU with AVX2 or AVX-512")
@pytest.mark.parametrize("name", [*DISTANCES, "respond"])
def test_lanes_fill_vector_registers_with_fused_multiply_adds(probe, name):
    assert len(WIDE_FMA.findall(probe[name])) >= 2


@pytest.mark.compiled
@pytest.mark.skipif(not WIDE, reason="needs a CPU with AVX2 or AVX-512")
@pytest.mark.parametrize("name", [*DISTANCES, "respond", "log_likelihood", "log_sums"])
def test_no_library_is_called_for_exp_or_log(probe, name):
    assert {re.search("exp|log", call)[0] for call in calls(probe["control"])} == {"exp", "log"}
    assert calls(probe[name]) == []


def parallel_kernels():
    """Every kernel over shards, by its full name."""
    found = {}
    for module in pkgutil.iter_modules(fastmix.kernels.__path__, "fastmix.kernels."):
        for name, value in vars(import_module(module.name)).items():
            if isinstance(value, parallel_kernel):
                found[f"{module.name}.{name}"] = value
    return found


@pytest.mark.compiled
def test_all_threaded_drivers_are_one_function_with_one_parallel_loop(probe):
    drivers = [each.driver.py_func.__code__ for each in parallel_kernels().values()]
    assert len(drivers) >= 10
    assert len(set(drivers)) == 1
    assert probe["parfors"] == [1]
