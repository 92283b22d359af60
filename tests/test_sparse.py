"""CSR rows: the same clusters as their dense form, scikit-learn's results, and no dense copy."""

import tracemalloc

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import cluster

import fastmix
from fastmix import BisectingKMeans, KMeans, MiniBatchKMeans, kmeans_plusplus
from fastmix.engine import predictions, rows, seeds
from fastmix.engine import sparse as engine
from fastmix.kernels import sparse as kernels

FAMILY = [KMeans, MiniBatchKMeans, BisectingKMeans]
family = pytest.mark.parametrize("Estimator", FAMILY, ids=lambda cls: cls.__name__)


def counts(n=300, d=40, seed=0):
    """Rows with few words of three vocabularies, as CSR."""
    random = np.random.RandomState(seed)
    topic = np.arange(n) % 3
    words = random.poisson(0.1 + 1.5 * (np.arange(d) % 3 == topic[:, None]))
    return sparse.csr_array((words * random.uniform(0.5, 1.5, (n, d))).astype(np.float64))


def packed(X, weight=None):
    frame = rows.frame_of(X, rows.measure(X, 1), normalise=True)
    return rows.pack(X, frame, weight, 1)


# --- estimators ------------------------------------------------------------------------------


@family
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_sparse_rows_give_what_scikit_learn_gives(Estimator, weighted, init, rng):
    X = counts()
    weight = rng.uniform(0.1, 2, 300) if weighted else None
    options = {"init": init, "random_state": 0}
    ours = Estimator(4, **options).fit(X, sample_weight=weight)
    theirs = getattr(cluster, Estimator.__name__)(4, **options).fit(X, sample_weight=weight)
    assert_array_equal(ours.labels_, theirs.labels_)
    assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-9)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)


@family
def test_sparse_equals_dense(Estimator, dtype):
    X = counts().astype(dtype)
    thin = Estimator(3, init="k-means++", random_state=0).fit(X)
    thick = Estimator(3, init="k-means++", random_state=0).fit(X.toarray())
    precision = 1e-7 if dtype == np.float64 else 1e-4
    assert thin.cluster_centers_.dtype == thin.transform(X).dtype == dtype
    assert thin.inertia_ == pytest.approx(thick.inertia_, rel=precision)
    assert_allclose(thin.cluster_centers_, thick.cluster_centers_, atol=precision)
    assert_array_equal(thin.labels_, thick.labels_)
    for model in (thin, thick):  # fitted on one, asked about the other
        for form in (X, X.toarray()):
            assert_array_equal(model.predict(form), model.labels_)
            assert_allclose(model.transform(form), thick.transform(X.toarray()), atol=precision)
            assert model.score(form) == pytest.approx(-thick.inertia_, rel=precision)


@family
def test_all_forms_are_one(Estimator, assert_same_fit):
    X = counts(60, 10)
    twice = sparse.csr_array((X.data / 2, X.indices, X.indptr), shape=X.shape)
    twisted = sparse.coo_array(twice)
    coords = [np.concatenate([c, c[::-1]]) for c in (twisted.row, twisted.col)]
    data = np.concatenate([twisted.data, twisted.data[::-1]])
    doubled = sparse.coo_array((data, tuple(coords)), shape=X.shape)
    expected = Estimator(3, random_state=0).fit(X)
    read_only = sparse.csr_array(X, copy=True)
    for part in (read_only.data, read_only.indices, read_only.indptr):
        part.flags.writeable = False
    for form in (X.tocsc(), X.tocoo(), sparse.csr_matrix(X), doubled, read_only):
        assert_same_fit(Estimator(3, random_state=0).fit(form), expected)


@family
def test_unsorted_rows_are_left_as_they_are(Estimator, assert_same_bits):
    X = counts(60, 10)
    for i in range(60):
        here = slice(X.indptr[i], X.indptr[i + 1])
        X.indices[here], X.data[here] = X.indices[here][::-1], X.data[here][::-1]
    X = sparse.csr_array((X.data, X.indices, X.indptr), shape=X.shape)
    before = X.indices.copy()
    model = Estimator(3, random_state=0).fit(X)
    assert_same_bits(X.indices, before)
    again = Estimator(3, random_state=0).fit(sparse.csr_array(X.toarray()))
    assert_array_equal(model.labels_, again.labels_)


@family
def test_long_indices_are_refused(Estimator, unchanged):
    X = counts(60, 10)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    model = Estimator(3)
    with unchanged(model), pytest.raises(ValueError, match="Only sparse matrices with 32-bit"):
        model.fit(X)


@family
def test_empty_rows_and_empty_matrices_are_rows_of_zeros(Estimator):
    X = sparse.csr_array((6, 3))
    model = Estimator(1).fit(X)
    assert_array_equal(model.cluster_centers_, np.zeros((1, 3)))
    assert model.inertia_ == 0
    X = sparse.csr_array(np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 5.0], [5.0, 6.0]]))
    model = Estimator(2, init="k-means++", random_state=0).fit(X)
    assert model.labels_[0] == model.labels_[1] != model.labels_[2] == model.labels_[3]


@family
@pytest.mark.compiled
def test_wide_rows_are_never_made_dense(Estimator):
    X = sparse.random_array(
        (2000, 20_000), density=1e-3, format="csr", rng=np.random.default_rng(0)
    )
    Estimator(3, random_state=0, max_iter=2).fit(X)
    tracemalloc.start()
    Estimator(3, random_state=0, max_iter=2).fit(X).predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * 20_000 * 8 / 10


@family
@pytest.mark.compiled
@pytest.mark.parametrize("n_threads", [2, 3])
def test_the_number_of_threads_never_shows(Estimator, n_threads, assert_same_bits):
    X = counts(3000, 60)
    alone = Estimator(8, random_state=0, n_threads=1).fit(X)
    other = Estimator(8, random_state=0, n_threads=n_threads).fit(X)
    for name in ("labels_", "cluster_centers_", "inertia_"):
        assert_same_bits(getattr(other, name), getattr(alone, name), name)


def test_portions_may_be_sparse():
    X = counts()
    thin, thick = (MiniBatchKMeans(3, random_state=0) for _ in range(2))
    for some in np.split(np.arange(300), 4):
        thin.partial_fit(X[some])
        thick.partial_fit(X[some].toarray())
    assert_allclose(thin.cluster_centers_, thick.cluster_centers_, atol=1e-9)
    thick.partial_fit(X)
    assert_array_equal(thin.partial_fit(X).labels_, thick.labels_)


@family
def test_a_callable_sees_sparse_rows(Estimator):
    seen = []

    def init(X, k, random_state):
        seen.append(X)
        return X[:k].toarray()

    Estimator(2, init=init, n_init=1, random_state=0).fit(counts())
    assert all(sparse.issparse(X) for X in seen)


@family
def test_the_unit_of_sparse_data_never_shows(Estimator, assert_same_bits):
    X = counts()
    one = Estimator(3, init="k-means++", random_state=0, tol=0.0).fit(X)
    for unit in (2.0**-300, 2.0**300):
        other = Estimator(3, init="k-means++", random_state=0, tol=0.0).fit(X * unit)
        assert_same_bits(other.labels_, one.labels_)
        assert_same_bits(other.cluster_centers_, one.cluster_centers_ * unit)
    with pytest.raises(ValueError, match=r"too large.*overflow"):
        Estimator(3).fit(X * 2.0**520)


def test_seeds_are_those_of_scikit_learn():
    X = counts()
    for seed in range(5):
        centers, indices = kmeans_plusplus(X, 5, random_state=seed)
        theirs = cluster.kmeans_plusplus(X, 5, random_state=seed)
        assert_array_equal(indices, theirs[1])
        assert_array_equal(centers, X[indices].toarray())


# --- the parts -------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3, 8, 11])
def test_a_pass_equals_the_naive_one(k, dtype, rng):
    X = counts(70, 9).astype(dtype)
    weight = rng.choice([0.0, 0.5, 2.0], 70)
    these = packed(X, weight)
    dense = X.toarray() / 2.0**these.frame.exponent
    centers = np.ascontiguousarray(rng.uniform(0, 1, (k, 9)).astype(dtype))
    state = engine.start(these, centers)
    totals = engine.assign(these, centers, state)
    labels, sq_dist, _ = naive.nearest(dense, centers)
    wanted = np.ldexp(weight, -these.weight_exponent)
    expected_counts, expected_sums = naive.cluster_totals(dense, wanted, labels, k)
    assert_array_equal(state.labels, labels)
    assert_allclose(state.sq_dist, sq_dist.astype(float), rtol=1e-12, atol=1e-14)
    assert_allclose(totals.counts, expected_counts.astype(float))
    assert_allclose(totals.sums, expected_sums.astype(float), rtol=1e-9, atol=1e-12)
    assert totals.objective == pytest.approx(float(wanted @ sq_dist))
    assert totals.changed == 70
    assert engine.assign(these, centers, state).changed == 0
    dist = np.ldexp(predictions.distances(these, centers), -these.frame.exponent)
    assert_allclose(dist, np.sqrt(naive.sq_distances(dense, centers)).astype(float), rtol=1e-5)
    objective, labels = predictions.nearest(these, centers)
    assert_array_equal(labels, state.labels)
    assert objective == totals.objective
    assert_allclose(rows.mean_variance(these), dense.var(axis=0).mean(), rtol=1e-6)
    assert_array_equal(rows.take(these, np.array([3, 5])), dense[[3, 5]].astype(dtype))


def test_a_row_is_at_distance_zero_from_itself():
    X = counts(200, 30) * 1e3 / 7
    turned = np.ascontiguousarray(X.toarray().T)
    norms, seen, sq_dist = np.empty(200), np.empty(200), np.empty(200)
    kernels.sq_norms(turned, norms)
    for i in range(200):
        ends = X.indptr[i], X.indptr[i + 1]
        kernels.measure_row(X.data, X.indices, *ends, turned, norms, seen, sq_dist)
        assert sq_dist[i] == 0
        assert (sq_dist >= 0).all()


def test_seeding_equals_the_naive_one(rng):
    X, weight = counts(80, 9), rng.choice([0.0, 1.0, 3.0], 80)
    for seed in range(5):
        got = seeds.PlusPlus(packed(X, weight)).draw(6, np.random.RandomState(seed))[0]
        expected = naive.kmeans_plusplus(X.toarray(), 6, weight, np.random.RandomState(seed))[1]
        assert_array_equal(got, expected)


def test_every_sparse_class_is_public():
    assert {cls.__name__ for cls in FAMILY} <= set(fastmix.__all__)


def test_the_two_nearest_centers_are_found_block_by_block(monkeypatch, rng):
    X = sparse.random_array((60, 9), density=0.3, random_state=0, format="csr")
    centers = rng.normal(size=(5, 9))
    monkeypatch.setattr(engine, "DISTANCES_AT_ONCE", 35)  # 7 rows
    these = packed(X)
    inside = engine.take(these, np.arange(60))
    labels, best, second = predictions.two_nearest(these, centers)
    apart = np.sort(naive.sq_distances(inside, centers).astype(float), axis=1)
    assert_array_equal(labels, naive.nearest(inside, centers)[0])
    assert_allclose(np.c_[best, second], apart[:, :2], rtol=1e-12, atol=1e-14)
    assert np.all(np.isinf(predictions.two_nearest(packed(X), centers[:1])[2]))
