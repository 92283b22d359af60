"""KMeans: the same as scikit-learn from the same start or seed, and the best known inertias."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans as SklearnKMeans

from fastmix import KMeans

BEST_IRIS_INERTIA = {
    1: 681.3706,
    2: 152.347951760358,
    3: 78.8514414261460,
    4: 57.2284732142857,
    5: 46.4461820512821,
    6: 39.0399872460872,
    7: 34.2982296650718,
}


def assert_agrees(ours, theirs, rtol):
    """Same labels and n_iter_, centers and inertia within rtol of the data's scale."""
    assert_array_equal(ours.labels_, theirs.labels_)
    assert ours.n_iter_ == theirs.n_iter_
    scale = np.abs(theirs.cluster_centers_).max()
    assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=0, atol=rtol * scale)
    assert_allclose(ours.inertia_, theirs.inertia_, rtol=rtol, atol=rtol)


# --- the same as scikit-learn ----------------------------------------------------------------


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(12, 150),
    d=st.integers(1, 5),
    k=st.integers(1, 5),
    weighted=st.booleans(),
    tol=st.sampled_from([0.0, 1e-4, 1e-2]),
    max_iter=st.sampled_from([1, 2, 300]),
)
def test_equals_scikit_learn_from_the_same_start(seed, n, d, k, weighted, tol, max_iter):
    random = np.random.RandomState(seed)
    X = random.normal(size=(n, d)) * random.uniform(0.1, 10)
    weight = random.uniform(0, 3, n) if weighted else None
    options = {"init": X[random.permutation(n)[:k]], "tol": tol, "max_iter": max_iter}
    ours = KMeans(k, **options).fit(X, sample_weight=weight)
    theirs = SklearnKMeans(k, **options).fit(X, sample_weight=weight)
    assert_agrees(ours, theirs, rtol=1e-9)
    new = random.normal(size=(20, d))
    assert_array_equal(ours.predict(new), theirs.predict(new))
    assert_allclose(ours.transform(new), theirs.transform(new), rtol=1e-7, atol=1e-7)
    assert_allclose(ours.score(new), theirs.score(new), rtol=1e-9)


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(12, 80),
    d=st.integers(1, 4),
    k=st.integers(2, 5),
    weighted=st.booleans(),
)
def test_equals_the_naive_loop_also_where_clusters_run_empty(seed, n, d, k, weighted):
    random = np.random.RandomState(seed)
    X = random.normal(size=(n, d))
    weight = random.uniform(0.1, 3, n) if weighted else None
    start = random.normal(size=(k, d))
    start[0] += 50
    expected = naive.kmeans(X, start, weight)
    got = KMeans(k, init=start).fit(X, sample_weight=weight)
    assert_array_equal(got.labels_, expected.labels)
    assert_allclose(got.cluster_centers_, expected.centers, atol=1e-10)
    assert_allclose(got.inertia_history_, expected.history, rtol=1e-10)
    assert got.inertia_ == pytest.approx(expected.inertia, rel=1e-10)
    assert got.n_iter_ == expected.n_iter
    assert got.init_results_[0].converged == expected.converged


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn_in_either_precision(blobs, dtype, algorithm, weighted, rng):
    X, _, start = blobs(n=200, d=3, k=5, gap=8.0, dtype=dtype)
    weight = rng.uniform(0.5, 2, len(X)) if weighted else None
    ours = KMeans(5, init=start, algorithm=algorithm).fit(X, sample_weight=weight)
    theirs = SklearnKMeans(5, init=start).fit(X, sample_weight=weight)
    assert_agrees(ours, theirs, rtol=1e-11 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("init", ["k-means++", "random"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weighted", [False, True])
def test_the_same_seed_starts_where_scikit_learn_starts(blobs, init, seed, weighted, rng):
    X = blobs(n=90, d=2, k=6, gap=10.0, seed=seed).X
    weight = rng.uniform(0.1, 2, len(X)) if weighted else None
    options = {"init": init, "n_init": 1, "random_state": seed}
    ours = KMeans(4, **options).fit(X, sample_weight=weight)  # 4 of 6 blobs: the start matters
    theirs = SklearnKMeans(4, **options).fit(X, sample_weight=weight)
    assert_agrees(ours, theirs, rtol=1e-10)


def test_several_inits_draw_and_choose_as_scikit_learn(blobs):
    X = blobs(n=90, d=2, k=6, gap=4.0).X
    options = {"init": "random", "n_init": 6, "random_state": 3}
    ours = KMeans(5, **options).fit(X)
    assert_agrees(ours, SklearnKMeans(5, **options).fit(X), rtol=1e-10)


def test_a_random_state_is_consumed_as_by_scikit_learn(blobs):
    X = blobs(n=90, d=2, k=6, gap=4.0).X
    mine, his = np.random.RandomState(5), np.random.RandomState(5)
    KMeans(5, n_init=2, random_state=mine).fit(X)
    SklearnKMeans(5, n_init=2, random_state=his).fit(X)
    assert mine.uniform() == his.uniform()


# --- known optima ----------------------------------------------------------------------------


@pytest.mark.compiled
@pytest.mark.parametrize("k", BEST_IRIS_INERTIA)
def test_many_inits_reach_the_proven_optimum_of_iris(iris, k):
    inertia = KMeans(k, n_init=30 if k < 6 else 300, random_state=0).fit(iris).inertia_
    assert inertia == pytest.approx(BEST_IRIS_INERTIA[k], rel=1e-6)
