"""Rows of the engine in the coordinates of X, and parameters from covariances."""

import naive
import numpy as np
import pytest

from fastmix import _threads
from fastmix.engine import rows
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.likelihood import Given, Likelihood
from fastmix.engine.results import Frame
from fastmix.engine.rows import pack
from fastmix.kernels import shards


@pytest.fixture(params=COVARIANCES, scope="session")
def covariance_type(request):
    return request.param


@pytest.fixture
def covariance(covariance_type):
    return COVARIANCES[covariance_type]


@pytest.fixture
def threaded(monkeypatch):
    """As many threads and shards as can be, however little there is to do."""
    monkeypatch.setattr(shards, "WORK_A_SHARD", 1)
    monkeypatch.setattr(_threads, "DEFAULT_THREAD_WORK", 0)
    monkeypatch.setattr(_threads, "THREAD_WORK", {})


@pytest.fixture(
    params=[(0, 0), (rows.FEW, 0), (rows.FEW, rows.FEW)], ids=["kernels", "few rows", "fewer rows"]
)
def few(request, monkeypatch):
    """Rows by kernels, on as many shards as can be, and as few rows are packed and added up, by NumPy."""
    few, fewer = request.param
    monkeypatch.setattr(rows, "FEW", few)
    monkeypatch.setattr(rows, "FEWER", fewer)
    if few == 0:
        monkeypatch.setattr(shards, "WORK_A_SHARD", 1)


@pytest.fixture(scope="session")
def packed():
    """Maker of packed rows that are neither moved nor scaled."""

    def make(X, weight=None, n_threads=1):
        return pack(X, Frame(np.zeros(X.shape[1], X.dtype), 0), weight, n_threads)

    return make


@pytest.fixture
def parameters(covariance):
    """Maker of the engine's parameters from weights, means and covariances."""

    def make(weights, means, covariances):
        factor = covariance.factor(covariances)
        return Likelihood(covariance, 0.0, Given(weights, means, factor)).first(None)

    return make


@pytest.fixture
def random_covariances(rng, covariance_type):
    """Maker of covariances of the type whose variances are between 1 and about 10."""

    def make(k, d):
        root = rng.normal(size=(k, d, d))
        matrices = root @ root.swapaxes(1, 2) + np.eye(d)
        return naive.from_full(matrices, np.ones(k), covariance_type)

    return make


@pytest.fixture
def problem(blobs, parameters, covariance_type):
    """Maker of overlapping blobs and of a mixture from half of them, for oracle and engine."""

    def make(n=90, d=2, k=3, gap=4.0):
        X, truth, _ = blobs(n=n, d=d, k=k, gap=gap)
        half = n // 2
        start = naive.m_step(X[:half], naive.one_hot(truth[:half], k), covariance_type, 0.1)
        return X, start, parameters(*start)

    return make
