"""Every two ways that must agree: algorithms, ways to ask, symmetries."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix import KMeans

# --- algorithms and Python threads --------------------------------------------------------------


@pytest.mark.compiled
def test_lloyd_under_other_names_gives_the_same_fit(blobs, dtype, assert_same_fit):
    X = blobs(n=5_000, d=3, k=6, gap=2.0, dtype=dtype).X
    lloyd = KMeans(6, algorithm="lloyd", random_state=0).fit(X)
    for algorithm in ("elkan", "auto"):
        assert_same_fit(KMeans(6, algorithm=algorithm, random_state=0).fit(X), lloyd)


@pytest.mark.compiled
@pytest.mark.parametrize(("n", "d", "k"), [(5_000, 3, 6), (21_000, 3, 9), (7_000, 9, 64)])
def test_algorithms_give_the_same_bits(blobs, dtype, algorithm, n, d, k, assert_same_bits):
    """But for inertias on the way, which some add up in another order; `auto` takes all of them here."""
    X = blobs(n=n, d=d, k=k, gap=2.0, dtype=dtype).X
    options = {"n_init": 2, "max_iter": 20, "random_state": 0}
    got, lloyd = (KMeans(k, algorithm=name, **options).fit(X) for name in (algorithm, "lloyd"))
    for name in ("labels_", "cluster_centers_", "n_iter_", "cluster_sizes_"):
        assert_same_bits(getattr(got, name), getattr(lloyd, name), name)
    assert got.inertia_ == pytest.approx(lloyd.inertia_, rel=1e-6)
    assert_allclose(got.inertia_history_, lloyd.inertia_history_, rtol=1e-6)
    assert [each.n_iter for each in got.init_results_] == [
        each.n_iter for each in lloyd.init_results_
    ]
    assert_array_equal(got.predict(X), got.labels_)


def test_algorithms_agree_on_ties(algorithm, assert_same_fit):
    side = np.arange(6.0)
    X = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    starts = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [5.0, 5.0]])
    lloyd = KMeans(4, init=starts, algorithm="lloyd").fit(X)
    assert lloyd.inertia_ == 4 * 9 * 2 * (2 / 3)
    other = KMeans(4, init=starts, algorithm=algorithm).fit(X)
    for each in (lloyd, other):  # who did the passes is told there
        each.init_results_ = [record[:6] for record in each.init_results_]
    assert_same_fit(other, lloyd)


@pytest.mark.compiled
def test_python_threads_may_fit_and_predict_together(make, blobs, assert_same_bits, fitted):
    X = blobs(n=3_000).X
    expected = make().fit(X)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: make().fit(X), range(4)):
            assert_same_bits(fitted(got), fitted(expected))
        for labels in pool.map(lambda _: expected.predict(X), range(8)):
            assert_same_bits(labels, expected.predict(X))


@pytest.mark.compiled
def test_the_callers_thread_mask_is_restored(make, blobs):
    numba = pytest.importorskip("numba")
    before = numba.get_num_threads()
    make(n_threads=1).fit(blobs().X).predict(blobs().X)
    assert numba.get_num_threads() == before
    with pytest.raises(ValueError, match="NaN"):
        make(n_threads=1).fit(np.full((10, 2), np.nan))
    assert numba.get_num_threads() == before


# --- ways to ask for labels ------------------------------------------------------------------


@pytest.mark.parametrize("gap", [2.0, 10.0])
@pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")
def test_labels_are_the_same_however_asked_for(make, blobs, dtype, gap):
    X = blobs(n=200, gap=gap, dtype=dtype).X
    for max_iter in (1, 2, 100):
        estimator = make(max_iter=max_iter)
        labels = estimator.fit_predict(X)
        assert_array_equal(estimator.predict(X), labels)
        assert_array_equal(make(max_iter=max_iter).fit(X).predict(X), labels)
        if isinstance(estimator, KMeans):
            assert_array_equal(estimator.labels_, labels)
            assert_array_equal(estimator.transform(X).argmin(axis=1), labels)
        else:
            assert_array_equal(estimator.predict_proba(X).argmax(axis=1), labels)


def test_rows_are_predicted_alone_as_together(make, blobs, dtype, assert_same_bits):
    X = blobs(n=70, gap=2.0, dtype=dtype).X
    estimator = make(max_iter=100).fit(X)
    together = estimator.predict(X)
    assert_same_bits(np.concatenate([estimator.predict(row[None]) for row in X]), together)
    method = estimator.transform if isinstance(estimator, KMeans) else estimator.predict_proba
    assert_same_bits(np.concatenate([method(X[:7]), method(X[7:])]), method(X))


def test_predict_never_changes_the_model(make, blobs, unchanged):
    X = blobs(n=60).X
    estimator = make().fit(X)
    with unchanged(estimator, X):
        estimator.predict(X)
        estimator.score(X)
        if isinstance(estimator, KMeans):
            estimator.transform(X)
        else:
            estimator.predict_proba(X)
            estimator.sample(5)


# --- symmetries ------------------------------------------------------------------------------


def start_at(estimator, centers):
    """The same estimator, to start from these centers."""
    return estimator.set_params(
        **{"init" if isinstance(estimator, KMeans) else "means_init": centers}
    )


def centers_of(estimator):
    return estimator.cluster_centers_ if isinstance(estimator, KMeans) else estimator.means_


def test_permuted_rows_permute_the_labels(make, blobs, rng):
    X, _, start = blobs(n=120, d=3)
    order = rng.permutation(120)
    straight = start_at(make(), start).fit(X)
    permuted = start_at(make(), start).fit(X[order])
    assert_array_equal(permuted.predict(X), straight.predict(X))
    assert permuted.n_iter_ == straight.n_iter_
    assert_allclose(centers_of(permuted), centers_of(straight), atol=1e-10)


def test_permuted_features_permute_the_centers(make, blobs):
    X, _, start = blobs(n=120, d=3)
    order = [2, 0, 1]
    straight = start_at(make(), start).fit(X)
    permuted = start_at(make(), start[:, order]).fit(X[:, order])
    assert_array_equal(permuted.predict(X[:, order]), straight.predict(X))
    assert_allclose(centers_of(permuted), centers_of(straight)[:, order], atol=1e-10)


def test_permuted_starts_permute_the_clusters(make, blobs):
    X, _, start = blobs(n=120, d=3, k=3)
    order = np.array([2, 0, 1])
    straight = start_at(make(), start).fit(X)
    permuted = start_at(make(), start[order])
    if isinstance(permuted, KMeans):
        permuted.fit(X)
        assert_array_equal(order[permuted.labels_], straight.labels_)
        assert_allclose(centers_of(permuted), centers_of(straight)[order], atol=1e-10)
    else:  # only the means are permuted, the rest of the start is not: one well-separated optimum
        permuted.fit(X)
        found = {tuple(row) for row in centers_of(permuted).round(6)}
        assert found == {tuple(row) for row in centers_of(straight).round(6)}


def test_a_translation_moves_only_the_centers(make, blobs):
    X, _, start = blobs(n=120, d=3)
    X, start = np.round(X * 2**10) / 2**10, np.round(start * 2**10) / 2**10
    here, there = start_at(make(), start).fit(X), start_at(make(), start + 4096).fit(X + 4096)
    assert_array_equal(there.predict(X + 4096), here.predict(X))
    assert there.n_iter_ == here.n_iter_
    assert there.score(X + 4096) == pytest.approx(here.score(X), rel=1e-9)
    assert_allclose(centers_of(there) - 4096, centers_of(here), atol=1e-9)
    if not isinstance(here, KMeans):
        assert_allclose(there.covariances_, here.covariances_, atol=1e-9)
        assert_allclose(there.weights_, here.weights_, atol=1e-12)


def test_float32_is_near_float64(make, blobs):
    X, _, start = blobs(n=200, d=3, dtype="float32")
    double = start_at(make(), start.astype(np.float64)).fit(X.astype(np.float64))
    single = start_at(make(), start).fit(X)
    assert_array_equal(single.predict(X), double.predict(X.astype(np.float64)))
    assert single.n_iter_ == double.n_iter_
    assert_allclose(centers_of(single), centers_of(double), rtol=1e-5, atol=1e-5)
    assert single.score(X) == pytest.approx(double.score(X.astype(np.float64)), rel=1e-5)


def test_the_objective_never_gets_worse(make, rng):
    X = rng.normal(size=(250, 2))
    if isinstance(make(), KMeans):
        history = make(5, tol=0).fit(X).inertia_history_
        assert len(history) > 3
        assert np.diff(history).max() <= 1e-12 * history[0]
    else:
        history = make(3, max_iter=300, tol=1e-4, reg_covar=1e-12).fit(X).lower_bounds_
        assert np.diff(history).min() >= -1e-12
