"""A fork at the worst moment: while another thread holds what Numba or LLVM lock, or a child dies with it."""

import pytest
import surroundings

pytestmark = [pytest.mark.compiled, pytest.mark.usefixtures("forks")]

LOCKS = {
    "a threading layer is started": "numba.np.ufunc.parallel._backend_init_thread_lock",
    "processes are kept from starting one": "numba.np.ufunc.parallel._backend_init_process_lock",
    "machine code is freed": "llvmlite.binding.ffi.lib._lock",
}
IMPORTS = "import llvmlite.binding.ffi, numba.np.ufunc.parallel, os, signal"


@pytest.mark.parametrize("case", LOCKS)
def test_a_child_and_its_parent_compute_after_a_fork_while(warm, case):
    lock = LOCKS[case]
    code = f"""
{IMPORTS}
from surroundings import compiled, digest, forked, held
want = digest()
with held({lock}):
    status = forked(lambda: digest() == want and compiled(0))
print(status, digest() == want and compiled(1), forked(lambda: digest() == want))
"""
    settings = {"NUMBA_THREADING_LAYER": "workqueue", "FASTMIX_CACHE_DIR": warm.folder}
    assert surroundings.run(code, 60, **settings) == "0 True 0"


def test_a_child_killed_while_it_holds_a_lock_of_its_parent_harms_nobody(warm):
    code = f"""
{IMPORTS}
from surroundings import digest, forked
want = digest()
def die():
    with {LOCKS["processes are kept from starting one"]} or open(os.devnull):
        os.kill(os.getpid(), signal.SIGKILL)
print(forked(die), digest() == want, forked(lambda: digest() == want))
"""
    settings = {"NUMBA_THREADING_LAYER": "workqueue", "FASTMIX_CACHE_DIR": warm.folder}
    assert surroundings.run(code, 60, **settings) == "-9 True 0"


def test_a_child_computes_after_a_fork_while_another_thread_starts_the_layer(warm, layer):
    """The parent has not started it yet, so nothing tells the child what it is."""
    code = """
import fastmix, threading
from numba.np.ufunc import parallel
from surroundings import digest, forked
begun, load = threading.Event(), parallel._load_threading_functions
def slowly(lib):
    begun.set()
    threading.Event().wait(1)
    load(lib)
parallel._load_threading_functions = slowly
other = threading.Thread(target=digest)
other.start()
assert begun.wait(60)
print(forked(lambda: digest() == digest(1)), digest())
other.join()
"""
    settings = {"NUMBA_THREADING_LAYER": layer, "FASTMIX_CACHE_DIR": warm.folder}
    assert surroundings.run(code, 60, **settings) == f"0 {warm.digest}"
