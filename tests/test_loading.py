"""Numba comes with the first kernel: whoever is first, and whatever happens meanwhile."""

import sys

import pytest
import surroundings

import fastmix
from fastmix.engine import kernels

# Something that happens while Numba is imported: in the middle, as `happen()`, once.
MEANWHILE = """
import sys, threading
class Finder:
    def find_spec(name, path, target=None):
        if name == "numba.core.typing":
            sys.meta_path.remove(Finder)
            happen()
sys.meta_path.insert(0, Finder)
"""


def test_the_modules_of_kernels_are_named_here():
    assert kernels.lloyd is sys.modules["fastmix.kernels.lloyd"]
    assert kernels.simd_bytes is sys.modules["fastmix.kernels.simd_bytes"]
    assert not hasattr(kernels, "nonesuch")
    assert not hasattr(kernels, "_private")


FIRST = {
    "import": "import fastmix",
    "star": "from fastmix import *",
    "model": "import fastmix; print(fastmix.KMeans(3), fastmix.GaussianMixture(2).get_params())",
    "plots": "import fastmix.plotting",
    "modules": "import fastmix; fastmix.plotting.plot_gmm, fastmix.sources, fastmix.saving.save, fastmix.metrics",
    "private name": "from fastmix.engine import kernels; hasattr(kernels, '__wrapped__')",
    "help": "import contextlib, fastmix._cli\n"
    "with contextlib.suppress(SystemExit): fastmix._cli.main(['--help'])",
}


@pytest.mark.parametrize("case", FIRST)
def test_numba_is_not_imported_before_it_is_needed(case):
    code = f"import sys\n{FIRST[case]}\nprint('numba' in sys.modules, 'llvmlite' in sys.modules)"
    assert surroundings.run(code).splitlines()[-1] == "False False"


def test_public_modules_come_when_they_are_asked_for():
    code = """
import sys, fastmix
before = "fastmix.plotting" in sys.modules, {"metrics", "plotting", "saving", "sources"} <= set(dir(fastmix))
print(*before, fastmix.plotting is sys.modules["fastmix.plotting"], "matplotlib" in sys.modules)
"""
    assert surroundings.run(code) == "False True True False"
    with pytest.raises(AttributeError, match="module 'fastmix' has no attribute 'nonesuch'"):
        fastmix.nonesuch  # noqa: B018


@pytest.mark.compiled
def test_a_kernel_of_the_cache_is_loaded_without_what_compiling_takes(warm):
    code = """
import sys
from surroundings import digest
print(digest(), "numba.np.random.generator_methods" in sys.modules)
"""
    got = surroundings.run(code, FASTMIX_CACHE_DIR=warm.folder)
    assert got == f"{warm.digest} False"


@pytest.mark.compiled
@pytest.mark.parametrize("cached", [True, False])
def test_eight_first_fits_at_once(warm, cached, layer):
    code = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from surroundings import digest
import sys
barrier = Barrier(8)
def first(_):
    assert "numba" not in sys.modules
    barrier.wait()
    return digest()
with ThreadPoolExecutor(8) as pool:
    print(*set(pool.map(first, range(8))))
"""
    settings = {"FASTMIX_CACHE_DIR": warm.folder} if cached else {"FASTMIX_CACHE": "0"}
    assert surroundings.run(code, NUMBA_THREADING_LAYER=layer, **settings) == warm.digest


@pytest.mark.compiled
@pytest.mark.usefixtures("forks")
def test_children_and_their_parent_fit_first_after_a_fork(warm, layer):
    code = """
import fastmix, sys
from surroundings import digest, forked
found = [forked(lambda: digest() == sys.argv[1]) for _ in range(2)]
print(*found, "numba" in sys.modules, digest(), forked(lambda: digest() == sys.argv[1]))
"""
    settings = {"NUMBA_THREADING_LAYER": layer, "FASTMIX_CACHE_DIR": warm.folder}
    ended = surroundings.finish(surroundings.start("-c", code, warm.digest, **settings))
    assert (ended.status, ended.out) == (0, f"0 0 False {warm.digest} 0"), ended.err


@pytest.mark.compiled
@pytest.mark.usefixtures("forks")
def test_a_child_computes_where_others_have_started_threads_above_it(warm, layer):
    """fastmix was there, too, but had no use for Numba yet."""
    code = """
import fastmix, numba, sys
from surroundings import digest, forked
numba.get_num_threads()
below = forked(lambda: digest() == sys.argv[1])
print(numba.threading_layer(), below, "fastmix._numba" in sys.modules, digest())
"""
    settings = {"NUMBA_THREADING_LAYER": layer, "FASTMIX_CACHE_DIR": warm.folder}
    ended = surroundings.finish(surroundings.start("-c", code, warm.digest, **settings))
    assert (ended.status, ended.out) == (0, f"{layer} 0 False {warm.digest}"), ended.err


@pytest.mark.compiled
@pytest.mark.usefixtures("forks")
def test_a_child_computes_after_a_fork_while_another_thread_imports_numba(warm):
    code = f"""
{MEANWHILE}
import fastmix
from surroundings import digest, forked
begun = threading.Event()
def happen():
    begun.set()
    threading.Event().wait(1)
other = threading.Thread(target=digest)
other.start()
assert begun.wait(60) and "fastmix._numba" in sys.modules
print(forked(lambda: digest() == sys.argv[1]), digest())
other.join()
"""
    ended = surroundings.finish(
        surroundings.start("-c", code, warm.digest, FASTMIX_CACHE_DIR=warm.folder)
    )
    assert (ended.status, ended.out) == (0, f"0 {warm.digest}"), ended.err


@pytest.mark.compiled
@pytest.mark.usefixtures("forks")
def test_a_fork_that_has_waited_for_numba_waits_for_its_locks_too(warm):
    """Another thread has just imported Numba, and compiles."""
    code = """
import threading, time
from fastmix._loading import loading
from surroundings import forked
held = threading.Event()
def first_fit():
    with loading:
        held.set()
        time.sleep(0.5)  # the fork waits meanwhile
        from numba.core.compiler_lock import global_compiler_lock as compiling
        compiling.__enter__()
    time.sleep(1)
    compiling.__exit__(None, None, None)
def free():
    from numba.core.compiler_lock import global_compiler_lock as compiling
    return compiling._lock.acquire(timeout=5)
other = threading.Thread(target=first_fit)
other.start()
held.wait()
print(forked(free))
other.join()
"""
    ended = surroundings.finish(surroundings.start("-c", code, FASTMIX_CACHE_DIR=warm.folder))
    assert (ended.status, ended.out) == (0, "0"), ended.err


@pytest.mark.compiled
@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself SIGINT there")
def test_ctrl_c_waits_until_numba_is_there_and_the_next_fit_works(warm):
    code = f"""
{MEANWHILE}
import fastmix, os, signal
from surroundings import digest
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
def happen():
    os.kill(os.getpid(), signal.SIGINT)
try:
    digest()
except KeyboardInterrupt:
    print("interrupted", "fastmix.kernels.every" in sys.modules, digest())
"""
    got = surroundings.run(code, FASTMIX_CACHE_DIR=warm.folder)
    assert got == f"interrupted True {warm.digest}"


@pytest.mark.compiled
def test_a_first_fit_that_finds_no_numba_fails_and_the_next_one_works(warm):
    code = """
import fastmix, sys
from surroundings import digest
sys.modules["numba"] = None
try:
    digest()
except ImportError as error:
    del sys.modules["numba"]
    print(error.name, digest())
"""
    assert surroundings.run(code, FASTMIX_CACHE_DIR=warm.folder) == f"numba {warm.digest}"
