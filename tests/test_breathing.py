"""n_init="breathing": a search for centers that ten starts do not find."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn import cluster, datasets

from fastmix import BisectingKMeans, KMeans, k_means
from fastmix.engine import kmeans
from fastmix.engine.algorithms import ALGORITHMS
from fastmix.engine.breathing import Breathing
from fastmix.engine.results import Frame
from fastmix.engine.rows import pack

pytestmark = pytest.mark.compiled

# du Merle et al. 1999; Aloise et al. 2012: the least inertia of iris there is
IRIS = {8: 29.9889439507861, 9: 27.7860924173081, 10: 25.834054819972511}


def breathing(k, **options):
    return KMeans(k, n_init="breathing", **{"random_state": 0, **options})


@pytest.mark.parametrize("k", IRIS)
@pytest.mark.parametrize("seed", range(3))
def test_the_best_known_clusterings_of_iris_are_found(k, seed):
    X = datasets.load_iris().data
    assert breathing(k, random_state=seed).fit(X).inertia_ == pytest.approx(IRIS[k], rel=1e-9)


def standardised(load):
    X = load().data
    return (X - X.mean(0)) / X.std(0)


RANDOM = np.random.RandomState(0)
SETS = {  # data and k
    "iris": (datasets.load_iris().data, 12),
    "wine": (datasets.load_wine().data, 20),
    "wine, standardised": (standardised(datasets.load_wine), 20),
    "digits": (datasets.load_digits().data, 10),
    "digits, finer": (datasets.load_digits().data, 50),
    "cancer": (standardised(datasets.load_breast_cancer), 30),
    "diabetes": (datasets.load_diabetes().data, 40),
    "uniform": (RANDOM.uniform(size=(1000, 2)), 100),
    "blobs": (datasets.make_blobs(3000, 8, centers=50, random_state=1)[0], 50),
    "grid": (RANDOM.randint(8, size=(2000, 2)) + 0.05 * RANDOM.normal(size=(2000, 2)), 64),
}


@pytest.mark.parametrize("name", SETS)
def test_it_is_at_least_as_good_as_ten_starts_of_scikit_learn(name):
    X, k = SETS[name]
    theirs = cluster.KMeans(k, n_init=10, random_state=0).fit(X)
    assert breathing(k).fit(X).inertia_ <= theirs.inertia_ * (1 + 1e-6)


def test_what_is_kept_is_a_run_that_came_to_rest(blobs):
    X = blobs(n=300, k=12, gap=3.0).X
    model = breathing(7, tol=0).fit(X)
    again = KMeans(7, init=model.cluster_centers_, tol=0).fit(X)
    assert again.n_iter_ == 2  # the first pass labels, the second changes nothing
    assert_array_equal(again.labels_, model.labels_)
    assert_array_equal(model.predict(X), model.labels_)
    records = model.init_results_
    (best,) = (record for record in records if record.best)
    assert best.inertia == min(record.inertia for record in records) == model.inertia_
    assert best.n_iter == model.n_iter_ == len(model.inertia_history_)
    assert records[0].seeds is not None
    assert all(record.seeds is None for record in records[1:])
    assert not any(record.best for record in records if record.inertia > model.inertia_)


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_algorithm_finds_the_same(algorithm, dtype, weighted, assert_same_bits):
    random = np.random.RandomState(0)
    X = random.normal(size=(21_000, 3)).astype(dtype)
    weight = random.uniform(size=len(X)) if weighted else None
    options = {"tol": 1e-3, "n_threads": 2, "max_iter": 5}
    found = breathing(9, algorithm=algorithm, **options).fit(X, sample_weight=weight)
    plain = breathing(9, algorithm="lloyd", **{**options, "n_threads": 1})
    plain.fit(X, sample_weight=weight)
    assert len(found.init_results_) > 4
    assert_same_bits(found.cluster_centers_, plain.cluster_centers_)
    assert_same_bits(found.labels_, plain.labels_)


@pytest.mark.parametrize("algorithm", ["hamerly", "filtering", "quantized"])
@pytest.mark.parametrize("eps", [1e-4, 1e-6, 1e-7])
def test_where_squares_cancel_every_algorithm_finds_the_same(algorithm, eps):
    """Most algorithms take the inertia on the way from sums of squares; no decision may hang on that."""
    random = np.random.RandomState(1)
    base = random.normal(size=(8, 3))
    X = base[random.randint(8, size=1500)] + eps * random.normal(size=(1500, 3))
    found, plain = (breathing(24, tol=0, algorithm=name).fit(X) for name in (algorithm, "lloyd"))
    assert_array_equal(found.labels_, plain.labels_)
    assert len(found.init_results_) == len(plain.init_results_)


def test_the_numbers_drawn_come_from_random_state(blobs):
    X = blobs(n=300, k=12, gap=3.0).X
    one, two = (breathing(12, random_state=3).fit(X) for _ in range(2))
    assert_array_equal(one.cluster_centers_, two.cluster_centers_)
    assert len(one.init_results_) == len(two.init_results_)


def test_given_centers_are_where_it_begins(blobs, recwarn):
    X = blobs(n=300, k=12, gap=3.0).X
    start = np.repeat(X[:1], 4, 0) + np.arange(4)[:, None] / 1e3
    stuck = KMeans(4, init=start).fit(X)
    model = breathing(4, init=start).fit(X)
    assert model.init_results_[0].inertia == stuck.inertia_
    assert model.inertia_ <= stuck.inertia_
    assert len(recwarn) == 0


@pytest.mark.parametrize("kind", ["one cluster", "as many as rows", "equal rows", "two rows"])
def test_there_may_be_nothing_to_find(kind):
    X = np.array([[0.0, 1], [2, 3], [7, 5], [4, 4]])
    k = {"one cluster": 1, "as many as rows": 4, "equal rows": 1, "two rows": 2}[kind]
    X = np.ones((9, 2)) if kind == "equal rows" else X[:2] if kind == "two rows" else X
    model = breathing(k).fit(X)
    expected = np.square(X - X.mean(0)).sum() if k == 1 else 0.0
    assert model.inertia_ == pytest.approx(expected, abs=1e-12)


def test_sparse_rows_and_the_function_search_too():
    X = datasets.load_iris().data
    inertia = k_means(sparse.csr_array(X), 9, n_init="breathing", random_state=0)[2]
    assert inertia == pytest.approx(IRIS[9], rel=1e-9)


def test_rows_of_weight_zero_are_never_drawn(blobs):
    X = blobs(n=300, k=12, gap=3.0).X
    weight = np.repeat([1.0, 0.0], len(X) // 2)
    model = breathing(6).fit(np.r_[X[1::2], 1000 + X[::2]], sample_weight=weight)
    assert len(model.init_results_) > 4
    assert model.cluster_centers_.max() < 100


def test_a_hopeless_run_ends_early():
    assert kmeans.hopeless([9.0, 8.9], 7.0)
    assert not kmeans.hopeless([9.0, 8.0], 7.0)
    assert not kmeans.hopeless([9.0], 7.0)
    assert not kmeans.hopeless([9.0, 8.9], 8.95)


def test_the_centers_taken_away_are_those_missed_least(rng):
    """By the definition: what the objective grows by without them."""
    X, centers = rng.normal(size=(300, 2)), 5 * rng.normal(size=(8, 2))
    rows = pack(X, Frame(np.zeros(2), 0), None, 1)
    search = Breathing(rows, 8, ALGORITHMS["lloyd"], np.random.RandomState(0))
    (first,) = search._missed_least(centers, 1)

    def without(c):
        left = np.delete(centers, c, 0)
        return np.square(X[:, None] - left).sum(2).min(1).sum()

    assert first == np.argmin([without(c) for c in range(8)])
    three = search._missed_least(centers, 3)
    assert len(set(three)) == 3
    assert three[0] == first


# --- what the records tell of the passes -----------------------------------------------------


@pytest.mark.parametrize(
    ("n", "d", "k", "expected"),
    [(25_000, 2, 20, "filtering"), (3000, 8, 70, "hamerly"), (99, 2, 3, "lloyd")],
)
def test_a_record_tells_what_auto_has_chosen(blobs, n, d, k, expected):
    X = blobs(n=n, d=d, k=k, gap=4.0).X
    (record,) = KMeans(k, random_state=0).fit(X).init_results_
    assert record.algorithm == expected
    assert (record.skipped > 0.3) == (expected == "filtering") or expected == "hamerly"
    assert 0 <= record.skipped < 1


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_a_record_tells_how_many_distances_were_skipped(blobs, algorithm):
    X = blobs(n=2000, d=3, k=30, gap=4.0).X
    (record,) = KMeans(30, algorithm=algorithm, init=X[:30], tol=0).fit(X).init_results_
    assert record.algorithm == (algorithm if algorithm != "auto" else "lloyd")
    measures_all = record.algorithm in ("lloyd", "mixed_precision")
    assert record.skipped == 0 if measures_all else record.skipped > 0


def test_padding_is_not_measured(rng):
    X = rng.normal(size=(200, 3))
    (record,) = KMeans(2, algorithm="filtering", random_state=0).fit(X).init_results_
    assert 0 <= record.skipped < 1


def test_two_means_are_lloyds(rng):
    X = rng.normal(size=(60, 2))
    records = BisectingKMeans(3, algorithm="elkan", random_state=0).fit(X).init_results_
    assert {record.algorithm for record in records} == {"lloyd"}


def test_sparse_rows_are_lloyds():
    (record,) = KMeans(3, random_state=0).fit(sparse.csr_array(np.eye(9))).init_results_
    assert (record.algorithm, record.skipped) == ("lloyd", 0.0)
