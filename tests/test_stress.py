"""Forks, signals, pools and other libraries at any moment, often. It prints how many there were: `pytest -s`."""

import os

import pytest
import surroundings

pytestmark = [pytest.mark.compiled, pytest.mark.nightly]
posix = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")


def run(job, seconds, layer, folder, **environment):
    """What a job of `surroundings` returns."""
    code = f"import surroundings; print(surroundings.{job})"
    settings = {"NUMBA_THREADING_LAYER": layer, "FASTMIX_CACHE_DIR": folder} | environment
    out = surroundings.run(code, seconds, **settings).splitlines()[-1]  # TBB tells of forks before
    print(f"\n{job} on {layer}: {out}")
    return eval(out)


@pytest.mark.usefixtures("forks")
def test_two_hundred_forks_while_threads_fit_predict_and_compile(warm, layer):
    found = run("stress(200)", 1800, layer, warm.folder)
    assert found["forked"] == 200
    assert found["well"] + found["killed"] == 200
    assert found["killed"] > 10
    assert found["wrong"] == 0
    assert min(found[name] for name in ("fits", "predictions", "compilations")) > 20


@pytest.mark.usefixtures("forks")
@pytest.mark.parametrize("seed", range(8))
def test_forks_while_threads_start_the_first_parallel_region(warm, layer, seed):
    found = run(f"first_regions({seed})", 300, layer, warm.folder)
    assert found == [warm.digest] * 3 + [0] * 8


@posix
def test_signals_end_fits_and_compilations_at_any_moment(warm, layer):
    ended, sound = run("interrupted(300)", 1800, layer, warm.folder)
    assert sound
    assert min(ended.values()) > 100  # of 150: Python swallows what is raised in a finalizer


@posix
def test_a_signals_handler_fits_and_compiles_at_any_moment(warm, layer):
    times, sound = run("within(100)", 900, layer, warm.folder)
    assert sound
    assert times > 50


def test_other_libraries_use_their_threads_at_once(warm, layer):
    found = run("beside_others(20)", 900, layer, warm.folder, NUMBA_NUM_THREADS=4)
    assert found == {"fastmix": True, "scikit-learn": True, "NumPy": True}


@pytest.mark.parametrize("seed", range(5))
def test_daemon_threads_fit_while_the_interpreter_ends(warm, layer, seed):
    code = f"""
import threading, time
from surroundings import digest
print(digest(), flush=True)
def fit():
    while True:
        digest()
for _ in range(4):
    threading.Thread(target=fit, daemon=True).start()
time.sleep(0.2 + {seed} / 50)
"""
    settings = {"NUMBA_THREADING_LAYER": layer, "FASTMIX_CACHE_DIR": warm.folder}
    assert surroundings.run(code, 60, **settings) == warm.digest


@posix
def test_a_writer_killed_at_any_moment_leaves_a_sound_cache(tmp_path):
    """Twenty processes that compile are killed, later and later; the next one finds no half of a kernel."""
    package, cache = surroundings.copy_package(tmp_path / "package"), tmp_path / "cache"
    code = "from surroundings import doubled; print(*doubled())"
    done = 0
    for i in range(20):
        writer = surroundings.start("-c", code, folder=package, FASTMIX_CACHE_DIR=cache)
        try:
            writer.wait(0.5 + i / 4)
            done += 1
        except surroundings.subprocess.TimeoutExpired:
            writer.kill()
        surroundings.finish(writer)
        if i % 5 == 4:  # what was kept is whole
            out = surroundings.run(code, folder=package, FASTMIX_CACHE_DIR=cache)
            assert float(out.split()[0]) == 2 / 3
            for file in cache.rglob("*.bin"):
                file.unlink()
    assert done < 20
