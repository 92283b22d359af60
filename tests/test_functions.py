"""k_means and kmeans_plusplus: scikit-learn's answers and refusals."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import cluster

from fastmix import KMeans, k_means, kmeans_plusplus


@pytest.mark.parametrize("name", ["k_means", "kmeans_plusplus"])
def test_signatures_are_those_of_scikit_learn_and_threads(name):
    mine = dict(inspect.signature({"k_means": k_means}.get(name, kmeans_plusplus)).parameters)
    his = dict(inspect.signature(getattr(cluster, name)).parameters)
    assert list(mine)[-1] == "n_threads"
    assert mine.pop("n_threads").default is None
    assert list(mine) == list(his)
    for parameter, theirs in his.items():
        assert mine[parameter].kind == theirs.kind
        expected = "auto" if parameter == "algorithm" else theirs.default
        assert mine[parameter].default == expected


@pytest.mark.parametrize("weighted", [False, True])
def test_k_means_is_the_class(blobs, weighted, rng, assert_same_bits):
    X = blobs(n=90, k=4, gap=4.0).X
    weight = rng.uniform(0, 2, 90) if weighted else None
    found = k_means(X, 4, sample_weight=weight, random_state=3, return_n_iter=True)
    model = KMeans(4, random_state=3).fit(X, sample_weight=weight)
    attributes = model.cluster_centers_, model.labels_, model.inertia_, model.n_iter_
    assert_same_bits(found, attributes)
    assert_same_bits(k_means(X, 4, sample_weight=weight, random_state=3), attributes[:3])
    theirs = cluster.k_means(X, 4, sample_weight=weight, random_state=3, return_n_iter=True)
    assert_allclose(found[0], theirs[0])
    assert_array_equal(found[1], theirs[1])
    assert found[3] == theirs[3]


def test_k_means_refuses_what_scikit_learn_refuses(blobs):
    X = blobs().X
    for options in ({"return_n_iter": 1}, {"n_clusters": 0}, {"sample_weight": "heavy"}):
        options = {"n_clusters": 3, **options}
        for function in (k_means, cluster.k_means):
            with pytest.raises((ValueError, TypeError)):
                function(X, **options)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_local_trials", [None, 1, 7])
def test_seeds_are_those_of_scikit_learn(blobs, weighted, n_local_trials, rng):
    X = blobs(n=90, k=6, gap=4.0).X
    weight = rng.uniform(0, 2, 90) if weighted else None
    for seed in range(5):
        options = {
            "sample_weight": weight,
            "random_state": seed,
            "n_local_trials": n_local_trials,
        }
        centers, indices = kmeans_plusplus(X, 5, **options)
        assert_array_equal(indices, cluster.kmeans_plusplus(X, 5, **options)[1])
        assert_array_equal(centers, X[indices])
        assert indices.dtype == np.int64


@pytest.mark.parametrize("kind", ["int32", "float32", "float64", "list"])
def test_seeds_keep_the_dtype_of_the_rows(kind):
    X = np.arange(20).reshape(10, 2).astype("int64" if kind == "list" else kind)
    centers, indices = kmeans_plusplus(X.tolist() if kind == "list" else X, 3, random_state=0)
    assert centers.dtype == X.dtype
    assert_array_equal(centers, X[indices])


def test_rows_without_weight_are_no_seeds():
    weight = np.zeros(50)
    weight[[3, 30, 40]] = 1
    X = np.random.RandomState(0).normal(size=(50, 2))
    for seed in range(10):
        _, indices = kmeans_plusplus(X, 3, sample_weight=weight, random_state=seed)
        assert set(indices) == {3, 30, 40}


def test_seeding_says_what_is_wrong():
    X = np.random.RandomState(0).normal(size=(10, 2))
    for options, message in (
        ({"n_clusters": 11}, "n_samples=10 should be >= n_clusters=11."),
        ({"n_clusters": 0}, "The 'n_clusters' parameter of kmeans_plusplus must be"),
        ({"x_squared_norms": [1.0, 2.0]}, "x_squared_norms 2 should be equal to the length of n_"),
        ({"sample_weight": -np.ones(10)}, "Negative values"),
        ({"sample_weight": np.zeros(10)}, "at least one non-zero number"),
        ({"n_threads": 0}, "The 'n_threads' parameter of kmeans_plusplus must be"),
    ):
        with pytest.raises(ValueError, match=message):
            kmeans_plusplus(X, **{"n_clusters": 3, **options})
    norms = (X**2).sum(1)
    assert len(kmeans_plusplus(X, 3, x_squared_norms=norms)[1]) == 3
