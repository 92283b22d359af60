"""KMeans: what it warns of, what it prints, and the histories it keeps."""

import re

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from fastmix import KMeans

FOUR_POINTS = np.array([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0]])
CORNERS = FOUR_POINTS[[0, 2]]


# --- warnings --------------------------------------------------------------------------------


def test_given_centers_with_several_inits_warn_and_run_once():
    km = KMeans(2, init=CORNERS, n_init=10)
    message = (
        "Explicit initial center position passed: performing only one init in KMeans "
        "instead of n_init=10."
    )
    with pytest.warns(RuntimeWarning, match=re.escape(message)):
        km.fit(FOUR_POINTS)
    assert len(km.init_results_) == 1


def test_elkan_with_one_cluster_warns():
    message = "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead."
    km = KMeans(1, algorithm="elkan")
    with pytest.warns(RuntimeWarning, match=re.escape(message)):
        km.fit(FOUR_POINTS)
    assert_array_equal(km.cluster_centers_, [[5.0, 1.0]])


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_fewer_distinct_rows_than_clusters_warn_and_end_on_data_rows(init, algorithm):
    X = np.repeat([[0.0, 1.0], [4.0, 2.0], [9.0, 9.0]], 4, axis=0)
    km = KMeans(4, init=init, n_init=1, random_state=0, algorithm=algorithm, max_iter=50)
    with pytest.warns(ConvergenceWarning) as caught:
        km.fit(X)
    assert len(caught) == 1
    found = re.match(
        r"Number of distinct clusters \((\d)\) found smaller than n_clusters \(4\)\. "
        r"Possibly due to duplicate points in X\.",
        str(caught[0].message),
    )
    assert int(found[1]) == len(set(km.labels_)) < 4
    assert km.n_iter_ < 50
    sq_dist = naive.sq_distances(km.cluster_centers_, X)
    if init == "k-means++":
        assert_allclose(sq_dist.min(axis=1).astype(float), 0, atol=1e-25)


def test_equal_rows_warn_and_put_every_center_on_them():
    km = KMeans(3, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(1\) found smaller"):
        km.fit(np.full((10, 2), 7.0))
    assert_array_equal(km.cluster_centers_, np.full((3, 2), 7.0))
    assert km.inertia_ == 0.0


def test_max_iter_reached_gives_no_warning(rng):
    km = KMeans(4, max_iter=1, random_state=0).fit(rng.normal(size=(100, 2)))
    assert km.n_iter_ == 1
    assert not km.init_results_[0].converged


@pytest.mark.parametrize("method", ["predict", "transform", "score"])
def test_an_unfitted_estimator_says_so(method):
    message = (
        "This KMeans instance is not fitted yet. Call 'fit' with appropriate arguments "
        "before using this estimator."
    )
    with pytest.raises(NotFittedError, match=re.escape(message)):
        getattr(KMeans(2), method)(FOUR_POINTS)


# --- verbose lines ---------------------------------------------------------------------------


def test_verbose_tells_of_strict_convergence(capsys):
    KMeans(2, init=CORNERS, verbose=1).fit(FOUR_POINTS)
    assert capsys.readouterr().out.splitlines() == [
        "Initialization complete",
        "Iteration 0, inertia 8.0.",
        "Iteration 1, inertia 4.0.",
        "Converged at iteration 1: strict convergence.",
    ]


def test_verbose_tells_of_a_small_shift(capsys):
    start = [[0.0, 1.0], [10.0, 1.0]]
    KMeans(2, init=start, tol=0.5, verbose=True).fit(FOUR_POINTS)  # 0.5 * (25 + 1) / 2
    assert capsys.readouterr().out.splitlines() == [
        "Initialization complete",
        "Iteration 0, inertia 4.0.",
        "Converged at iteration 0: center shift 0.0 within tolerance 6.5.",
    ]


def test_verbose_speaks_once_for_every_init(capsys, blobs):
    KMeans(3, n_init=3, random_state=0, verbose=1).fit(blobs(n=45).X)
    assert capsys.readouterr().out.count("Initialization complete\n") == 3


def test_verbose_tells_breaths_from_starts(capsys):
    X = np.random.RandomState(0).normal(size=(60, 2))
    km = KMeans(4, n_init="breathing", random_state=0, verbose=1).fit(X)
    said = capsys.readouterr().out
    assert said.count("Initialization complete") == 1
    breaths = [int(number) for number in re.findall(r"^Breath (\d+), best inertia", said, re.M)]
    assert breaths == [record.breath for record in km.init_results_[1:]]
    assert breaths == list(range(1, len(breaths) + 1))
    assert km.init_results_[0].breath == 0


def test_verbose_prints_the_history(capsys, rng):
    km = KMeans(4, random_state=0, verbose=1).fit(rng.normal(size=(80, 2)))
    printed = re.findall(r"Iteration (\d+), inertia (\S+)\.\n", capsys.readouterr().out)
    assert [int(t) for t, _ in printed] == list(range(km.n_iter_))
    assert [float(value) for _, value in printed] == km.inertia_history_.tolist()


def test_silence_is_the_default(capsys, blobs):
    KMeans(3, random_state=0).fit(blobs(n=45).X)
    assert capsys.readouterr().out == ""


# --- histories -------------------------------------------------------------------------------


def test_the_history_is_the_objective_of_every_assignment(rng, algorithm):
    X, weight = rng.normal(size=(100, 3)), rng.uniform(0, 2, 100)
    km = KMeans(4, init=X[:4], algorithm=algorithm).fit(X, sample_weight=weight)
    expected = naive.kmeans(X, X[:4], weight)
    assert km.inertia_history_.shape == (km.n_iter_,)
    assert km.inertia_history_.dtype == np.float64
    assert_allclose(km.inertia_history_, expected.history, rtol=1e-11)
    assert km.inertia_ <= km.inertia_history_[-1] * (1 + 1e-12)


def test_every_init_leaves_a_record(rng):
    X = rng.normal(size=(80, 2))
    km = KMeans(5, init="random", n_init=4, random_state=0).fit(X)
    assert len(km.init_results_) == 4
    best = [record for record in km.init_results_ if record.best]
    assert len(best) == 1
    assert best[0].inertia == km.inertia_ == min(record.inertia for record in km.init_results_)
    assert best[0].n_iter == km.n_iter_
    assert_array_equal(best[0].history, km.inertia_history_)
    for record in km.init_results_:
        assert len(record.history) == record.n_iter
        assert record.converged
        assert type(record.inertia) is float


def test_records_equal_single_fits_on_the_same_stream(rng):
    X, stream = rng.normal(size=(80, 2)), np.random.RandomState(0)
    km = KMeans(5, n_init=3, random_state=0).fit(X)
    for record in km.init_results_:
        single = KMeans(5, n_init=1, random_state=stream).fit(X)
        assert single.inertia_ == record.inertia
        assert single.n_iter_ == record.n_iter
