"""Threads: how many, when they run, and what Python threads, forks, pools and Ctrl-C do to them."""

import _thread
import math
import multiprocessing
import os
import sys
from types import SimpleNamespace

import numba
import numpy as np
import pytest
import surroundings
from numba import config
from numpy.testing import assert_array_equal

from fastmix import _limits, _numba, _threads
from fastmix._numba import parallel_kernel
from fastmix._threads import ANY_WORK, DEFAULT_THREAD_WORK, threads

# --- how many threads ----------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch):
    """Maker of a machine: CPUs that this process may use, container quota, NUMBA_NUM_THREADS, layer."""

    def make(cpus=64, quota=math.inf, numba_threads=64, layer=None):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cpus)), raising=False)
        monkeypatch.setattr(_threads, "_quota", lambda: quota)
        monkeypatch.setattr(config, "NUMBA_NUM_THREADS", numba_threads)
        monkeypatch.setattr(_threads, "layer", lambda: layer)

    return make


@pytest.mark.parametrize(("n_threads", "expected"), [(None, 4), (1, 1), (3, 3), (4, 4), (16, 4)])
def test_threads_are_at_most_those_that_numba_was_started_with(machine, n_threads, expected):
    machine(cpus=16, numba_threads=4)
    assert threads(n_threads, ANY_WORK) == expected


@pytest.mark.parametrize(("n_threads", "expected"), [(None, 3), (1, 1), (3, 3), (16, 16)])
def test_none_means_the_cpus_of_the_affinity_mask(machine, n_threads, expected):
    machine(cpus=3)
    assert threads(n_threads, ANY_WORK) == expected


@pytest.mark.parametrize(("n_threads", "expected"), [(None, 2), (1, 1), (16, 16)])
def test_none_means_the_quota_of_the_container(machine, n_threads, expected):
    machine(cpus=16, quota=2)
    assert threads(n_threads, ANY_WORK) == expected


@pytest.mark.parametrize(("counted", "expected"), [(6, 6), (None, 1)])
def test_none_means_all_cpus_where_there_is_no_affinity_mask(
    machine, monkeypatch, counted, expected
):
    machine()
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert threads(None, ANY_WORK) == expected


@pytest.mark.parametrize("n_threads", [None, 1, 16])
def test_small_work_is_done_on_one_thread(machine, n_threads):
    machine()
    assert threads(n_threads, 0) == 1
    assert threads(n_threads, np.nextafter(DEFAULT_THREAD_WORK, 0)) == 1
    assert threads(n_threads, DEFAULT_THREAD_WORK) == (n_threads or 64)


def test_the_slow_layer_needs_more_work(machine):
    machine(layer="workqueue")
    least = _threads.THREAD_WORK["workqueue"]
    assert least > DEFAULT_THREAD_WORK
    assert threads(8, np.nextafter(least, 0)) == 1
    assert threads(8, least) == 8


QUOTAS = {
    "cgroup 2, none": ({"cpu.max": "max 100000\n"}, math.inf),
    "cgroup 2, two CPUs": ({"cpu.max": "200000 100000\n"}, 2),
    "cgroup 2, a CPU and a half": ({"cpu.max": "150000 100000\n"}, 2),
    "cgroup 2, a tenth": ({"cpu.max": "10000 100000\n"}, 1),
    "cgroup 1, none": (
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
        math.inf,
    ),
    "cgroup 1, four CPUs": (
        {"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"},
        4,
    ),
    "cgroup 1, period missing": ({"cpu/cpu.cfs_quota_us": "400000\n"}, math.inf),
    "empty": ({"cpu.max": ""}, math.inf),
    "not numbers": ({"cpu.max": "many 100000"}, math.inf),
    "no control groups": ({}, math.inf),
}


@pytest.mark.parametrize("case", QUOTAS)
def test_the_quota_is_read_from_the_control_group(monkeypatch, tmp_path, case):
    files, expected = QUOTAS[case]
    for name, text in files.items():
        path = tmp_path / "sys" / "fs" / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    there = SimpleNamespace(Path=lambda path: tmp_path / path.removeprefix("/"))
    monkeypatch.setattr(_threads, "pathlib", there)
    assert _threads._quota.__wrapped__() == expected


# --- when the driver runs ------------------------------------------------------------------------


@parallel_kernel
def add_up(
    shard,
    start,
    stop,  # in   rows of this shard
    X,  # in   (n,)
    total,  # in/out  (n_shards,)
):
    for i in range(start, stop):
        total[shard] += X[i]


def totals(n_threads, n_shards=40):
    """Totals of shards of 3 rows."""
    X, total = np.arange(3.0 * n_shards), np.zeros(n_shards)
    add_up(n_threads, np.arange(0, X.size + 1, 3), X, total)
    return total


def expected_totals(n_shards=40):
    return 9.0 * np.arange(n_shards) + 3.0


@pytest.fixture
def calls(monkeypatch):
    """Record of the calls of add_up's driver, which computes nothing: (workers, thread mask)."""
    seen = []

    def drive(workers, counter, done, bounds, args):
        seen.append((workers, numba.get_num_threads()))
        done[0] = len(bounds) - 1

    monkeypatch.setattr(add_up, "driver", drive)
    return seen


@pytest.fixture
def mask():
    """Thread mask of a caller who has chosen one."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(2, before))
    yield numba.get_num_threads()
    numba.set_num_threads(before)


needs_threads = pytest.mark.skipif(
    config.NUMBA_NUM_THREADS < 3, reason="needs NUMBA_NUM_THREADS of 3 or more"
)


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7, 1000])
def test_every_shard_is_taken_once_by_any_number_of_threads(n_threads):
    for _ in range(20):
        assert_array_equal(totals(n_threads), expected_totals())


def test_no_shards_are_no_work():
    assert totals(1, n_shards=0).size == totals(2, n_shards=0).size == 0


@pytest.mark.compiled
@needs_threads
def test_the_thread_mask_is_put_back_after_a_call(calls, mask):
    totals(3)
    assert calls == [(3, 3)]
    assert numba.get_num_threads() == mask


@pytest.mark.compiled
@needs_threads
@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_the_thread_mask_and_the_workers_are_given_back_after_an_exception(
    monkeypatch, mask, layer
):
    def fail(*_):
        raise RuntimeError("planted")

    monkeypatch.setattr(_numba, "_layer", lambda: layer)
    monkeypatch.setattr(add_up, "driver", fail)
    with pytest.raises(RuntimeError, match="planted"):
        totals(3)
    assert numba.get_num_threads() == mask
    assert not _numba._gate.locked()


@pytest.mark.compiled
@needs_threads
def test_the_thread_mask_is_put_back_after_arguments_that_do_not_compile(mask):
    with pytest.raises(numba.TypingError):
        add_up(3, np.array([0, 1]), "text", np.zeros(1))
    assert numba.get_num_threads() == mask


@pytest.mark.compiled
def test_more_threads_than_numba_has_are_cut(calls):
    totals(config.NUMBA_NUM_THREADS + 1)
    most = config.NUMBA_NUM_THREADS
    assert calls == ([(most, most)] if most > 1 else [])


def test_one_thread_needs_no_driver(calls):
    assert_array_equal(totals(1), expected_totals())
    assert calls == []


def test_no_driver_runs_where_threads_are_out_of_reach(calls, monkeypatch):
    monkeypatch.setattr(_numba, "_serial_only", True)
    assert_array_equal(totals(3), expected_totals())
    assert calls == []


REFUSED = r"^fastmix runs on one thread: \d+ threads cannot be started\.$"


@pytest.fixture
def limited(monkeypatch):
    """Maker of a limit on the threads that can be started, and record of those that were."""
    started, start_new_thread = [], _thread.start_new_thread

    def make(most):
        def start(function, arguments):
            if len(started) == most:
                raise RuntimeError("can't start new thread")
            started.append(start_new_thread(function, arguments))

        monkeypatch.setattr(_limits, "_seen", _limits._Seen())
        monkeypatch.setattr(_thread, "start_new_thread", start)
        return started

    return make


@pytest.mark.compiled
@needs_threads
def test_no_driver_runs_where_threads_cannot_be_started(calls, limited, monkeypatch):
    numba.get_num_threads()  # the layer is there: only this Python thread may have no others
    monkeypatch.setattr(_numba, "_told", False)
    started = limited(1)
    with pytest.warns(RuntimeWarning, match=REFUSED):
        assert_array_equal(totals(3), expected_totals())
    assert_array_equal(totals(3), expected_totals())  # without a warning, which would be an error
    assert calls == []
    assert len(started) == 1  # it is not asked again


@pytest.mark.compiled
@needs_threads
def test_whether_threads_can_be_started_is_asked_once(calls, limited):
    numba.get_num_threads()
    started = limited(1_000)
    for n_threads in (2, 3, 3, 2):
        totals(n_threads)
    assert [workers for workers, _ in calls] == [2, 3, 3, 2]
    most = config.NUMBA_NUM_THREADS
    assert len(started) == (most if numba.threading_layer() == "workqueue" else 2 + 3)


@pytest.mark.compiled
@needs_threads
def test_a_layer_whose_threads_cannot_be_started_is_not_started(calls, limited, monkeypatch):
    limited(2)
    monkeypatch.setattr(_numba, "_layer", lambda: None)
    monkeypatch.setattr(_numba, "_serial_only", False)
    monkeypatch.setattr(_numba, "_told", False)
    with pytest.warns(RuntimeWarning, match=REFUSED):
        assert_array_equal(totals(3), expected_totals())
    assert_array_equal(totals(3), expected_totals())
    assert calls == []


@pytest.mark.compiled
@needs_threads
def test_no_driver_runs_while_another_python_thread_has_the_workers(calls, monkeypatch):
    monkeypatch.setattr(_numba, "_layer", lambda: "workqueue")
    with _numba._gate:
        assert_array_equal(totals(3), expected_totals())
    assert calls == []
    totals(3)
    assert calls == [(3, 3)]


# --- whole processes -----------------------------------------------------------------------------

needs_fork = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system"),
    pytest.mark.skipif(
        sys.platform == "darwin", reason="the libraries of macOS do not survive a fork without exec"
    ),
]


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return surroundings.copy_package(tmp_path_factory.mktemp("bare"))


def marked(*marks):
    """Decorator: all of these marks."""

    def mark(test):
        for one in marks:
            test = one(test)
        return test

    return mark


@pytest.mark.compiled
def test_one_thread_starts_no_threading_layer_and_gives_the_same_bits(warm):
    code = """
import numba
from surroundings import digest
one = digest(1, 20_000, 1e6)
try:
    print(numba.threading_layer())
except ValueError:
    print("none")
print(digest(2, 20_000, 1e6) == one, numba.threading_layer() != "")
"""
    got = surroundings.run(code, FASTMIX_CACHE_DIR=warm.folder)
    assert got.split() == ["none", "True", "True"]


@pytest.mark.compiled
def test_two_to_eight_python_threads_fit_and_predict_at_once(warm, layer):
    code = """
import fastmix, numba
from surroundings import crowd
print(numba.threading_layer() if crowd(8) else None, *(crowd(n) for n in (2, 3, 5, 8)))
"""
    got = surroundings.run(code, NUMBA_THREADING_LAYER=layer, FASTMIX_CACHE_DIR=warm.folder)
    assert got == f"{layer} {' '.join([warm.digest] * 4)}"


@pytest.mark.compiled
def test_four_python_threads_compile_at_once(bare):
    code = """
import fastmix.kernels.outer
from concurrent.futures import ThreadPoolExecutor
from surroundings import doubled
with ThreadPoolExecutor(4) as pool:
    print(*set(pool.map(doubled, ["f8"] * 4)))
"""
    got = surroundings.run(code, folder=bare, FASTMIX_CACHE="0")
    assert got == str((2 / 3, 0))


@pytest.mark.compiled
@marked(*needs_fork)
def test_children_grandchildren_pools_and_the_parent_compute_after_a_fork(warm, layer):
    code = """
import multiprocessing, numba
from surroundings import digest, forked
want = digest()
def alike(below=0):
    return digest() == want and (not below or forked(lambda: alike(below - 1)) == 0)
print(numba.threading_layer(), forked(lambda: alike(1)), alike())
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(*set(pool.map(digest, [2] * 4)), alike())
"""
    got = surroundings.run(code, NUMBA_THREADING_LAYER=layer, FASTMIX_CACHE_DIR=warm.folder)
    assert got.split() == [layer, "0", "True", warm.digest, "True"]


@pytest.mark.compiled
@marked(*needs_fork)
def test_a_child_computes_after_a_fork_while_another_thread_fits(warm, layer):
    code = """
import numba, threading
from fastmix import _limits, _numba
from surroundings import digest, forked
want, stop = digest(), threading.Event()
def fit():
    while not stop.is_set():
        digest()
other = threading.Thread(target=fit)
other.start()
statuses = {forked(lambda: digest() == want) for _ in range(5)}
stop.set()
other.join()
with _numba._gate:
    statuses.add(forked(lambda: not _numba._gate.locked()))
print(numba.threading_layer(), *statuses, digest())
"""
    got = surroundings.run(code, NUMBA_THREADING_LAYER=layer, FASTMIX_CACHE_DIR=warm.folder)
    *_, last = got.splitlines()  # TBB tells of its threads that were at work
    assert last == f"{layer} 0 {warm.digest}"


@pytest.mark.compiled
@marked(*needs_fork)
def test_a_fork_while_another_thread_compiles(bare):
    code = """
import fastmix.kernels.outer, threading
from numba.core import event
from surroundings import doubled, forked
class Watch(event.Listener):
    begun = threading.Event()
    def on_start(self, event): self.begun.set()
    def on_end(self, event): pass
event.register("numba:compile", Watch())
other = threading.Thread(target=doubled)
other.start()
assert Watch.begun.wait(60)
print(forked(lambda: doubled("f4")[1] == 0))
other.join()
"""
    assert surroundings.run(code, folder=bare, FASTMIX_CACHE="0") == "0"


@pytest.mark.compiled
@marked(*needs_fork)
def test_a_child_that_imports_fastmix_after_others_have_started_threads_computes(warm, layer):
    code = """
import multiprocessing, numba, sys
from surroundings import digest
numba.get_num_threads()
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(numba.threading_layer(), *set(pool.map(digest, [2] * 4)), "fastmix" in sys.modules)
"""
    got = surroundings.run(code, NUMBA_THREADING_LAYER=layer, FASTMIX_CACHE_DIR=warm.folder)
    assert got == f"{layer} {warm.digest} False"


@pytest.mark.compiled
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_pool_by_another_method_than_fork_computes(warm, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"there is no {method} on this system")
    code = f"""
import multiprocessing
from surroundings import digest
want = digest()
with multiprocessing.get_context({method!r}).Pool(1) as pool:
    print(*set(pool.map(digest, [2] * 4)), digest() == want)
"""
    assert surroundings.run(code, FASTMIX_CACHE_DIR=warm.folder) == f"{warm.digest} True"


@pytest.mark.compiled
def test_joblib_computes_in_processes(warm):
    code = """
from joblib import Parallel, delayed, parallel_config
from surroundings import digest
want = digest()
with parallel_config("loky", n_jobs=2, inner_max_num_threads=2):
    print(*set(Parallel()(delayed(digest)() for _ in range(4))), digest() == want)
"""
    assert surroundings.run(code, FASTMIX_CACHE_DIR=warm.folder) == f"{warm.digest} True"


@pytest.mark.compiled
def test_joblib_computes_in_threads(warm, layer):
    code = """
import numba
from joblib import Parallel, delayed
from surroundings import digest
want = digest()
found = set(Parallel(n_jobs=2, backend="threading")(delayed(digest)() for _ in range(6)))
print(numba.threading_layer(), *found, digest() == want)
"""
    got = surroundings.run(code, NUMBA_THREADING_LAYER=layer, FASTMIX_CACHE_DIR=warm.folder)
    assert got == f"{layer} {warm.digest} True"


@pytest.mark.compiled
def test_without_a_threading_layer_one_warning_and_one_thread(warm):
    missing = "tbb" if surroundings.why_not("tbb") else "nonesuch"
    code = """
import warnings
from surroundings import digest
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(digest(), digest())
print(*(f"{w.category.__name__}: {w.message}" for w in caught if w.category is RuntimeWarning))
"""
    got = surroundings.run(code, NUMBA_THREADING_LAYER=missing, FASTMIX_CACHE_DIR=warm.folder)
    digests, warning = got.split("\n", 1)
    assert digests.split() == [warm.digest] * 2
    assert warning.startswith("RuntimeWarning: fastmix runs on one thread: ")
    assert warning.count("RuntimeWarning") == 1


@pytest.mark.compiled
@pytest.mark.skipif(os.name != "posix", reason="SIGINT cannot be sent to one process on Windows")
def test_ctrl_c_ends_a_long_fit_and_the_next_fit_works(warm):
    code = """
import numba, os, signal, threading, time
from surroundings import digest, models, rows
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
want, before, X = digest(), numba.get_num_threads(), rows()
def interrupt():
    global sent
    sent = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)
kmeans, mixture = models(X)
kmeans.set_params(init="random", n_init=10**9)
mixture.set_params(tol=0.0, max_iter=10**9)
for endless in (kmeans, mixture):
    untouched = dict(vars(endless))
    threading.Timer(0.5, interrupt).start()
    try:
        endless.fit(X)
    except KeyboardInterrupt:
        late = time.perf_counter() - sent
        print("in time" if late < 60 else late, vars(endless) == untouched)
print(numba.get_num_threads() == before, digest() == want)
"""
    got = surroundings.run(code, NUMBA_NUM_THREADS=3, FASTMIX_CACHE_DIR=warm.folder)
    assert got.split("\n") == ["in time True", "in time True", "True True"]
