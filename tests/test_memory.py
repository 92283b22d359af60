"""Memory: what a call holds beside X and its result is bounded, and too little of it is a MemoryError."""

import contextlib
import copy
import ctypes
import gc
import json
import os
import sys
import tracemalloc
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from surroundings import finish, start

import fastmix
from fastmix._cache import cache_dir
from fastmix._numba import parallel_kernel
from fastmix.sources import Source, apply

FEW, N, D, K = 60_000, 240_000, 8, 48
FIXED = 8e6  # bytes of scratch, of totals of shards, and of what allocator and compiler keep
PAGES = 4  # bytes a row that the account of the process is out by
# Environment in which glibc gives back what is freed
RETURNING = {"MALLOC_MMAP_THRESHOLD_": 1 << 16, "MALLOC_TRIM_THRESHOLD_": 0, "MALLOC_ARENA_MAX": 1}
LINUX = sys.platform == "linux" and Path("/proc/self/clear_refs").exists()


class Peak(NamedTuple):
    """What a call may hold beside X and its result."""

    copies: float  # of X
    a_row: float  # bytes

    @property
    def growth(self):
        """Bytes a row."""
        return self.copies * 8 * D + self.a_row


# The table of docs/reference/memory.rst. An (n, k) array of bytes alone would be 48 bytes a row.
PEAKS = {
    ("KMeans", "fit"): Peak(1, 22),
    ("KMeans", "predict"): Peak(0, 1),
    ("KMeans", "transform"): Peak(0, 0),
    ("KMeans", "score"): Peak(0, 5),
    ("MiniBatchKMeans", "fit"): Peak(0, 28),
    ("MiniBatchKMeans", "partial_fit"): Peak(1, 16),
    ("MiniBatchKMeans", "predict"): Peak(0, 1),
    ("BisectingKMeans", "fit"): Peak(2, 64),
    ("BisectingKMeans", "predict"): Peak(0, 46),
    ("GaussianMixture", "fit"): Peak(1, 8),
    ("GaussianMixture", "predict"): Peak(0, 0),
    ("GaussianMixture", "predict_proba"): Peak(0, 8),
    ("GaussianMixture", "score_samples"): Peak(0, 0),
    ("GaussianMixture", "score"): Peak(0, 8),
    ("GaussianMixture", "bic"): Peak(0, 8),
    ("GaussianMixture", "mahalanobis"): Peak(0, 4),
    ("BayesianGaussianMixture", "fit"): Peak(1, 8),
    ("BayesianGaussianMixture", "predict"): Peak(0, 0),
    ("BayesianGaussianMixture", "predict_proba"): Peak(0, 8),
    ("BayesianGaussianMixture", "score_samples"): Peak(0, 0),
    ("MiniBatchGaussianMixture", "fit"): Peak(0, 28),
    ("MiniBatchGaussianMixture", "partial_fit"): Peak(1, 16),
}


def models():
    """A model of every class, with few passes; kernels and choices are those of longer fits."""
    few = {"random_state": 0, "max_iter": 3}
    mixture = {"init_params": "random_from_data", "n_components": K, **few}
    return {
        "KMeans": fastmix.KMeans(K, **few),
        "MiniBatchKMeans": fastmix.MiniBatchKMeans(K, random_state=0, max_iter=1),
        "BisectingKMeans": fastmix.BisectingKMeans(K, **few),
        "GaussianMixture": fastmix.GaussianMixture(**mixture),
        "BayesianGaussianMixture": fastmix.BayesianGaussianMixture(**mixture),
        "MiniBatchGaussianMixture": fastmix.MiniBatchGaussianMixture(**mixture),
    }


def rows(n):
    random = np.random.RandomState(0)
    return random.normal(size=(n, D)) + 4 * random.randint(0, 3, size=(n, D))


def size(result):
    """Bytes of what a call has given; of a fit, of its labels."""
    result = getattr(result, "labels_", result) if hasattr(result, "get_params") else result
    return result.nbytes if isinstance(result, np.ndarray) else 0


def of_process(name):
    """Bytes of a line of the kernel's account of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise KeyError(name)


def resident(job):
    """Bytes by which the process grows at most, beside the result: Numba's arrays are seen too."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = of_process("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark is that of now
    result = job()
    return of_process("VmHWM") - before - size(result)


def traced(job):
    """Bytes that NumPy holds at most, beside the result."""
    tracemalloc.start()
    result = job()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - size(result)


def measure():
    """Bytes at the peak of every method, and how many they grow by with a row, in every way to measure."""
    warnings.simplefilter("ignore")
    few, many = rows(FEW), rows(N)
    ways = [traced, resident] if LINUX else [traced]
    found = {f"{name}.{method}": [] for name, method in PEAKS}
    for name, model in models().items():
        for which, method in PEAKS:
            if which == name:
                job = getattr(model, method)
                for X in (few, many):  # kernels are compiled, threads started
                    job(X)
                for way in ways:
                    less, more = (way(lambda job=job, X=X: job(X)) for X in (few, many))
                    found[f"{name}.{method}"].append((more, (more - less) / (N - FEW)))
    return found


def in_a_new_process(code, seconds=550, **environment):
    """What a program prints as JSON, with the kernels that are compiled already."""
    cache = cache_dir()
    if cache is not None:
        environment["FASTMIX_CACHE_DIR"] = Path(cache).parent
    ended = finish(start("-c", code, **environment), seconds)
    assert ended.status == 0, f"exit status {ended.status}\n{ended.out}\n{ended.err}"
    return json.loads(ended.out)


@pytest.mark.compiled
def test_what_a_call_holds_beside_its_result_is_bounded():
    code = "import json, test_memory as t; print(json.dumps(t.measure()))"
    found = in_a_new_process(code, **RETURNING)
    assert len(found) == len(PEAKS)
    too_much = {}
    for (name, method), peak in PEAKS.items():
        for held, growth in found[f"{name}.{method}"]:
            if held > peak.growth * N + FIXED or growth > peak.growth + PAGES:
                too_much[f"{name}.{method}"] = f"{held / 1e6:.1f} MB, {growth:.1f} bytes a row"
    assert too_much == {}


# --- chunks --------------------------------------------------------------------------------------

CHUNKS_FEW, CHUNKS_MANY = 10, 60  # of 20,000 rows
BUDGET = 1 << 22


class Repeated:
    """The same rows over and over, which nobody holds."""

    def __init__(self, times):
        self.chunk, self.times = rows(20_000), times

    def __iter__(self):
        for _ in range(self.times):
            yield self.chunk + 0.0  # memory of its own


def measure_chunks():
    """Bytes at the peak of fits and predictions chunk by chunk, beside labels, and bytes by which a row adds to it."""
    warnings.simplefilter("ignore")
    few, many = (Source(Repeated(times), memory=BUDGET) for times in (CHUNKS_FEW, CHUNKS_MANY))
    start = rows(K)
    kmeans = fastmix.KMeans(K, init=start, max_iter=2)
    given = {
        "means_init": start,
        "weights_init": np.full(K, 1 / K),
        "precisions_init": np.ones((K, D)),
    }
    mixture = fastmix.GaussianMixture(K, covariance_type="diag", max_iter=2, **given)

    def fit(model):
        return lambda source: model.fit(source)

    def predict(source):
        return sum(int(labels.sum()) for labels in apply(kmeans.predict, source))

    found = {}
    for name, job in (("k-means", fit(kmeans)), ("mixture", fit(mixture)), ("predict", predict)):
        job(few)
        for way in [traced, resident] if LINUX else [traced]:
            less, more = (way(lambda job=job, each=each: job(each)) for each in (few, many))
            found[f"{name}, {way.__name__}"] = (
                more,
                (more - less) / (20_000 * (CHUNKS_MANY - CHUNKS_FEW)),
            )
    return found


@pytest.mark.compiled
def test_memory_of_chunked_rows_is_bounded_whatever_their_number():
    code = "import json, test_memory as t; print(json.dumps(t.measure_chunks()))"
    for what, (held, growth) in in_a_new_process(code, **RETURNING).items():
        # the budget, a chunk of the source's own as it is made and as it is read, and scratch
        assert held < BUDGET + 2 * 20_000 * 8 * D + FIXED + PAGES * 20_000 * CHUNKS_MANY, what
        assert growth < PAGES, what


# --- too little of it ----------------------------------------------------------------------------

NOBODY_HAS = 1 << 60  # bytes


@parallel_kernel
def fill(
    shard,
    start,
    stop,
    sizes,  # in   (S,)  bytes of scratch
    found,  # out  (S,)
):
    """Write the number of every shard, with scratch of its own."""
    scratch = np.empty(sizes[shard], np.uint8)
    scratch[:1] = 1
    found[shard] = shard + scratch[0]


@pytest.mark.compiled
@pytest.mark.parametrize("n_threads", [1, 2, 4])
@pytest.mark.parametrize("greedy", [[0], [17], [39], [3, 4, 5, 30], list(range(40))])
def test_scratch_that_cannot_be_had_in_a_thread_is_a_memory_error(n_threads, greedy):
    bounds, sizes, found = np.arange(41), np.ones(40, np.int64), np.zeros(40)
    fill(n_threads, bounds, sizes, found)
    assert found.tolist() == list(range(1, 41))
    sizes[greedy] = NOBODY_HAS
    for _ in range(20):  # which thread has which shard is chance
        with pytest.raises(MemoryError):
            fill(n_threads, bounds, sizes, found)
    sizes[:], found[:] = 1, 0
    fill(n_threads, bounds, sizes, found)
    assert found.tolist() == list(range(1, 41))


METHODS = [
    ("KMeans", "fit"),
    ("KMeans", "transform"),
    ("GaussianMixture", "fit"),
    ("GaussianMixture", "predict_proba"),
]
STEPS = 12  # limits on either side of the least that is enough


def state(model):
    """Bytes of the arrays of a model, by name."""
    arrays = {name: value for name, value in vars(model).items() if isinstance(value, np.ndarray)}
    return {name: array.tobytes() for name, array in arrays.items()}


def under_limits(name, method):
    """How calls end under limits of the address space, and whether all is as it should be afterwards."""
    import resource

    warnings.simplefilter("ignore")
    X, model = rows(15_000), models()[name]
    trim, page = ctypes.CDLL(None).malloc_trim, os.sysconf("SC_PAGESIZE")
    getattr(model, method if "fit" in method else "fit")(X)
    start, ends = copy.deepcopy(model), set()

    def call(extra=None):
        """The end of a call with so many bytes beyond what the process has, and the model then."""
        model = copy.deepcopy(start)
        gc.collect()
        trim(0)
        if extra is not None:
            used = page * int(Path("/proc/self/statm").read_text().split()[0])
            resource.setrlimit(resource.RLIMIT_AS, (used + int(extra), -1))
        result = None
        with contextlib.suppress(MemoryError):
            result = getattr(model, method)(X)
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
        if result is None:
            return "MemoryError", state(model)
        return "done", state(model) if "fit" in method else result.tobytes()

    done, before = call(), state(start)
    too_little, enough = 1e6, 2e8
    while enough - too_little > 5e5:
        middle = (too_little + enough) / 2
        if call(middle)[0] == "done":
            enough = middle
        else:
            too_little = middle
    for extra in np.linspace(max(1e6, too_little - 4e5), enough + 4e5, STEPS):
        end, after = call(extra)
        ends.add(end)
        if after != (done[1] if end == "done" else before):
            ends.add(f"another state after {end} with {extra:.0f} bytes")
    if call() != done:
        ends.add("another state after all")
    return sorted(ends)


@pytest.mark.compiled
@pytest.mark.skipif(not LINUX, reason="needs limits of the address space")
def test_too_little_memory_is_a_memory_error_that_leaves_everything_as_it_was():
    code = (
        f"import json, test_memory as t; print(json.dumps([t.under_limits(*m) for m in {METHODS}]))"
    )
    threads = {"NUMBA_NUM_THREADS": 3}
    for found in in_a_new_process(code, **RETURNING, **threads):
        assert found == ["MemoryError", "done"]
