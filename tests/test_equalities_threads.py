"""The same bits from any number of threads and from every refit: all algorithms, covariance types, dtypes."""

import copy
from collections import Counter
from functools import partial

import numba
import numpy as np
import pytest
from numba import config
from scipy import sparse

from fastmix import (
    BayesianGaussianMixture,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    MiniBatchKMeans,
    _threads,
)
from fastmix._numba import parallel_kernel
from fastmix.engine.algorithms import ALGORITHMS, SYNONYMS
from fastmix.engine.covariances import COVARIANCES
from fastmix.kernels import shards

COUNTS = (2, 3, 5, 8)
MANY = max(COUNTS)
pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(
        config.NUMBA_NUM_THREADS < MANY, reason=f"needs NUMBA_NUM_THREADS of {MANY} or more"
    ),
    pytest.mark.filterwarnings("ignore:Best performing initialization did not converge"),
]

K = 5
BATCHES = partial(MiniBatchKMeans, batch_size=3_000, max_iter=3)
MODELS = {
    **{f"k-means, {name}": partial(KMeans, algorithm=name) for name in [*ALGORITHMS, *SYNONYMS]},
    "k-means, two random starts": partial(KMeans, init="random", n_init=2),
    "k-means, breathing": partial(KMeans, n_init="breathing"),
    "k-means, batches": BATCHES,
    "k-means, bisecting": BisectingKMeans,
    "k-means, sparse": KMeans,
    "k-means, sparse batches": BATCHES,
    "k-means, sparse bisecting": BisectingKMeans,
    **{f"mixture, {name}": partial(GaussianMixture, covariance_type=name) for name in COVARIANCES},
    **{
        f"Bayesian mixture, {name}": partial(BayesianGaussianMixture, covariance_type=name)
        for name in COVARIANCES
    },
}
METHODS = ("predict", "transform", "predict_proba", "score_samples")


@pytest.fixture(params=MODELS)
def model(request):
    """Name of a model."""
    return request.param


@pytest.fixture
def data(model, blobs, dtype, rng):
    """Rows, in more than one shard, that clusters overlap in, and their weights."""
    X = blobs(n=9_000, d=4, k=K, gap=2.0, dtype=dtype).X
    if "sparse" in model:
        X = sparse.csr_array(np.where(np.abs(X) < 0.5, 0, X).astype(dtype))
    return X, rng.randint(1, 4, len(blobs(n=9_000).X)) / 2


@pytest.fixture
def used(monkeypatch):
    """Count of the threaded calls of kernels, by their number of threads; no work is too small."""
    seen, together = Counter(), parallel_kernel._together

    def record(self, n_threads, bounds, args):
        seen[n_threads] += 1
        return together(self, n_threads, bounds, args)

    monkeypatch.setattr(parallel_kernel, "_together", record)
    monkeypatch.setattr(shards, "WORK_A_SHARD", 1)
    monkeypatch.setattr(_threads, "THREAD_WORK", {})
    monkeypatch.setattr(_threads, "DEFAULT_THREAD_WORK", 0)
    return seen


def make(model, n_threads):
    """The model of that name, unfitted."""
    sizes = {"n_clusters" if model.startswith("k-means") else "n_components": K}
    limit = {} if "batches" in model else {"max_iter": 5}
    return MODELS[model](n_threads=n_threads, random_state=0, **sizes, **limit)


def answers(model, n_threads, X, weight, fitted):
    """All that a fit on so many threads finds, and all that it then says of the rows."""
    estimator = make(model, n_threads)
    found = fitted(estimator.fit(X, sample_weight=weight))
    said = {name: getattr(estimator, name)(X) for name in METHODS if hasattr(estimator, name)}
    return found | said | {"score": estimator.score(X, sample_weight=weight)}


def test_any_number_of_threads_gives_the_same_bits(model, data, used, fitted, assert_same_bits):
    one = answers(model, 1, *data, fitted)
    assert not used
    for n_threads in COUNTS:
        used.clear()
        assert_same_bits(answers(model, n_threads, *data, fitted), one, f"{n_threads} threads")
        assert set(used) == {n_threads}
        assert used[n_threads] > 5


def test_ten_refits_on_eight_threads_give_the_same_bits(
    model, data, used, fitted, assert_same_bits
):
    X, weight = data
    estimator = make(model, MANY)
    first = copy.deepcopy(fitted(estimator.fit(X, sample_weight=weight)))
    for _ in range(9):
        assert_same_bits(fitted(estimator.fit(X, sample_weight=weight)), first, "refit")
    assert set(used) == {MANY}


@pytest.mark.parametrize("n_threads", COUNTS)
def test_shards_really_are_done_by_several_threads(n_threads):
    @parallel_kernel
    def sign(shard, start, stop, X, who):
        total = 0.0
        for _ in range(2_000):
            for i in range(start, stop):
                total += np.sin(X[i] + total)
        X[start] = total
        who[shard] = numba.get_thread_id()

    for _ in range(50):  # on a busy machine one thread may be done before another wakes up
        who = np.full(64, -1)
        sign(n_threads, np.arange(65) * 8, np.zeros(64 * 8), who)
        assert who.min() >= 0
        if len(set(who)) > 1:
            break
    assert 1 < len(set(who)) <= n_threads
