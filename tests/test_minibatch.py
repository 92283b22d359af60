"""MiniBatchKMeans: scikit-learn's result from the same seed, portions, weights, reassignment, messages."""

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import MiniBatchKMeans as SklearnMiniBatch

from fastmix import MiniBatchKMeans


def data(seed, n, d, weighted):
    random = np.random.RandomState(seed)
    X = 5 * random.normal(size=(n, d)) + random.choice(3, size=(n, 1)) * 10.0
    return X, random.uniform(0.1, 2, n) if weighted else None


def assert_agrees(ours, theirs):
    scale = np.abs(theirs.cluster_centers_).max()
    assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=0, atol=1e-9 * scale)
    assert ours.n_steps_ == theirs.n_steps_
    assert type(ours.n_steps_) is int
    if hasattr(theirs, "inertia_"):
        assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)
        assert type(ours.inertia_) is float
    assert hasattr(ours, "labels_") == hasattr(theirs, "labels_")
    if hasattr(theirs, "labels_"):
        assert_array_equal(ours.labels_, theirs.labels_)
        assert ours.labels_.dtype == np.int32


# --- the same as scikit-learn ----------------------------------------------------------------


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(30, 400),
    d=st.integers(1, 5),
    k=st.integers(1, 10),
    weighted=st.booleans(),
    init=st.sampled_from(["k-means++", "random"]),
    batch_size=st.integers(4, 500),
    tol=st.sampled_from([0.0, 1e-3]),
    ratio=st.sampled_from([0.0, 0.01, 0.3]),
    patience=st.sampled_from([None, 0, 10]),
    compute_labels=st.booleans(),
)
def test_the_same_seed_gives_the_result_of_scikit_learn(
    seed, n, d, k, weighted, init, batch_size, tol, ratio, patience, compute_labels
):
    X, weight = data(seed, n, d, weighted)
    options = {
        "init": init,
        "batch_size": batch_size,
        "tol": tol,
        "reassignment_ratio": ratio,
        "max_no_improvement": patience,
        "compute_labels": compute_labels,
        "max_iter": 5,
        "random_state": seed,
    }
    ours = MiniBatchKMeans(k, **options).fit(X, sample_weight=weight)
    try:
        theirs = SklearnMiniBatch(k, **options).fit(X, sample_weight=weight)
    except TypeError:  # scikit-learn has no estimate after a single step
        assert ours.n_steps_ == 1
        return
    assert_agrees(ours, theirs)
    assert ours.n_iter_ == theirs.n_iter_
    assert len(ours.inertia_history_) == ours.n_steps_


@given(
    seed=st.integers(0, 10_000),
    d=st.integers(1, 4),
    k=st.integers(1, 8),
    weighted=st.booleans(),
    ratio=st.sampled_from([0.0, 0.01, 0.3]),
)
def test_portions_give_the_result_of_scikit_learn(seed, d, k, weighted, ratio):
    X, weight = data(seed, 120, d, weighted)
    options = {"random_state": seed, "reassignment_ratio": ratio}
    ours, theirs = MiniBatchKMeans(k, **options), SklearnMiniBatch(k, **options)
    for some in np.split(np.arange(120), [40, 60, 65, 118]):
        its = None if weight is None else weight[some]
        ours.partial_fit(X[some], sample_weight=its)
        theirs.partial_fit(X[some], sample_weight=its)
        assert_agrees(ours, theirs)
    assert not hasattr(ours, "n_iter_")


def test_portions_go_on_from_a_fit():
    X, _ = data(0, 300, 2, False)
    ours = MiniBatchKMeans(4, random_state=0, batch_size=50).fit(X[:200])
    theirs = SklearnMiniBatch(4, random_state=0, batch_size=50).fit(X[:200])
    for model in (ours, theirs):
        model.partial_fit(X[200:])
    assert_agrees(ours, theirs)


@pytest.mark.parametrize("given_as", ["array", "callable"])
def test_centers_may_be_given(given_as):
    X, _ = data(1, 200, 2, False)
    start = X[:3] + 1
    init = start if given_as == "array" else lambda X, k, random_state: start
    options = {"init": init, "n_init": 1, "random_state": 0, "batch_size": 20}
    ours, theirs = MiniBatchKMeans(3, **options).fit(X), SklearnMiniBatch(3, **options).fit(X)
    assert_agrees(ours, theirs)
    assert ours.init_results_[0].seeds is None


def test_a_callable_sees_the_rows_as_they_are():
    X, _ = data(1, 60, 2, False)
    seen = []

    def init(rows, k, random_state):
        seen.append(rows)
        return rows[:k]

    MiniBatchKMeans(3, init=init, batch_size=20, n_init=1, random_state=0).fit(X + 1000)
    assert seen[0].mean() > 900


# --- by hand ---------------------------------------------------------------------------------


def test_two_portions_of_four_rows_by_hand():
    model = MiniBatchKMeans(2, init=np.array([[0.0], [10.0]]), n_init=1, reassignment_ratio=0)
    model.partial_fit([[1.0], [3.0], [8.0], [9.0]])
    assert_allclose(model.cluster_centers_, [[2.0], [8.5]])
    assert model.inertia_history_[0] == (1 + 9 + 4 + 1) / 4
    assert model.inertia_ == 1 + 1 + 0.25 + 0.25
    model.partial_fit([[5.0]], sample_weight=[2.0])
    assert_allclose(model.cluster_centers_, [[(1 + 3 + 2 * 5) / 4], [8.5]])
    assert model.n_steps_ == 2
    assert_array_equal(model.labels_, [0])
    assert_array_equal(model.cluster_sizes_, [1, 0])


def test_forgetting_by_hand():
    model = MiniBatchKMeans(
        2, init=np.array([[0.0], [10.0]]), n_init=1, reassignment_ratio=0, forgetting=0.5
    )
    model.partial_fit([[1.0], [3.0], [8.0], [9.0]])
    assert_allclose(model.cluster_centers_, [[2.0], [8.5]])
    model.partial_fit([[5.0], [8.0]], sample_weight=[2.0, 1.0])
    # two rows of before count as one
    assert_allclose(model.cluster_centers_, [[(2 + 2 * 5) / 3], [(8.5 + 8) / 2]])
    assert_allclose(model._centers.counts, [3.0, 2.0])


def test_who_forgets_nothing_is_who_never_heard_of_it(assert_same_fit):
    X, _ = data(0, 300, 2, False)
    options = {"random_state": 0, "batch_size": 30}
    one, other = MiniBatchKMeans(4, **options), MiniBatchKMeans(4, forgetting=0, **options)
    assert_same_fit(one.fit(X), other.fit(X))
    forgetful = MiniBatchKMeans(4, forgetting=0.5, **options).fit(X)
    assert np.abs(forgetful.cluster_centers_ - one.cluster_centers_).max() > 1e-3


def test_who_forgets_everything_has_the_means_of_the_batch():
    X, _ = data(0, 300, 2, False)
    model = MiniBatchKMeans(
        4, init=X[:4], n_init=1, forgetting=1.0, reassignment_ratio=0, compute_labels=False
    )
    before = X[:4]
    for batch in np.split(X, 3):
        nearest = np.square(batch[:, None] - before).sum(2).argmin(1)
        model.partial_fit(batch)
        means = [batch[nearest == c].mean(0) if c in nearest else before[c] for c in range(4)]
        assert_allclose(model.cluster_centers_, means, rtol=1e-9)
        before = model.cluster_centers_


def test_centers_that_forget_follow_a_drift(rng):
    steady, following = (
        MiniBatchKMeans(2, forgetting=f, random_state=0, reassignment_ratio=0) for f in (0.0, 0.2)
    )
    for t in range(200):
        X = rng.normal(size=(60, 1)) + np.array([[-9.0], [9.0]])[rng.randint(2, size=60)] + 0.1 * t
        for model in (steady, following):
            model.partial_fit(X)
    where = 0.1 * 199 + np.array([-9.0, 9.0])
    assert_allclose(np.sort(following.cluster_centers_[:, 0]), where, atol=1.0)
    assert np.abs(np.sort(steady.cluster_centers_[:, 0]) - where).max() > 2.0


def test_a_high_ratio_keeps_the_heaviest_center():
    X, _ = data(0, 100, 2, False)
    model = MiniBatchKMeans(5, reassignment_ratio=3.0, random_state=0, batch_size=20).fit(X)
    assert np.isfinite(model.cluster_centers_).all()


def test_every_start_is_recorded():
    X, _ = data(0, 200, 2, False)
    model = MiniBatchKMeans(4, n_init=5, random_state=0, batch_size=20).fit(X)
    assert len(model.init_results_) == model._n_init == 5
    (best,) = [record for record in model.init_results_ if record.best]
    assert best.inertia == min(record.inertia for record in model.init_results_)
    assert best.n_iter == model.n_iter_
    again = MiniBatchKMeans(4, init=X[best.seeds], random_state=0, batch_size=20).fit(X)
    assert again.init_results_[0].inertia == pytest.approx(best.inertia)


# --- precision, threads, state ---------------------------------------------------------------


def test_float32_stays(blobs):
    X = blobs(n=200, dtype="float32").X
    model = MiniBatchKMeans(3, random_state=0, batch_size=40).fit(X)
    assert model.cluster_centers_.dtype == model.transform(X).dtype == np.float32
    model.partial_fit(X.astype(np.float64))
    assert model.cluster_centers_.dtype == np.float32
    wide = MiniBatchKMeans(3, random_state=0, batch_size=40).fit(X.astype(np.float64))
    assert_allclose(model.inertia_, wide.inertia_, rtol=0.1)


def test_an_offset_costs_nothing(blobs):
    X = blobs(n=200, gap=4.0).X
    near = MiniBatchKMeans(3, random_state=0, batch_size=40).fit(X)
    far = MiniBatchKMeans(3, random_state=0, batch_size=40).fit(X + 2.0**20)
    assert_allclose(far.cluster_centers_ - 2.0**20, near.cluster_centers_, atol=1e-8)
    assert_array_equal(far.predict(X + 2.0**20), far.labels_)


@pytest.mark.compiled
@pytest.mark.parametrize("n_threads", [2, 3])
def test_the_number_of_threads_never_shows(n_threads, assert_same_fit):
    X, _ = data(0, 4000, 8, False)
    options = {"random_state": 0, "batch_size": 2000, "max_iter": 3}
    alone = MiniBatchKMeans(20, **options, n_threads=1).fit(X)
    assert_same_fit(alone, MiniBatchKMeans(20, **options, n_threads=n_threads).fit(X))


def test_refitting_forgets_portions(assert_same_fit):
    X, _ = data(0, 200, 2, False)
    used = MiniBatchKMeans(3, random_state=0, batch_size=20).partial_fit(X[:50]).partial_fit(X)
    fresh = MiniBatchKMeans(3, random_state=0, batch_size=20)
    assert_same_fit(used.fit(X), fresh.fit(X))


def test_a_refused_portion_changes_nothing(fitted, assert_same_bits, assert_same_fit):
    X, _ = data(0, 60, 2, False)
    model, other = (MiniBatchKMeans(3, random_state=0).partial_fit(X) for _ in range(2))
    before = deepcopy(fitted(model))
    for rows, weight, message in (
        (X[:, :1], None, "is expecting 2 features"),
        (X * np.nan, None, "contains NaN"),
        (X, -np.ones(60), "Negative values"),
        (X * 1e300, None, "too large"),
    ):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(rows, sample_weight=weight)
        assert_same_bits(fitted(model), before)
    assert_same_fit(model.partial_fit(X), other.partial_fit(X))


# --- messages --------------------------------------------------------------------------------


def test_too_few_rows_for_a_start_are_warned_of():
    X, _ = data(0, 100, 2, False)
    message = r"init_size=10 should be larger than n_clusters=20\. Setting it to min"
    with pytest.warns(RuntimeWarning, match=message):
        model = MiniBatchKMeans(20, init_size=10, random_state=0).fit(X)
    assert model._init_size == 60


def test_an_array_makes_one_start():
    X, _ = data(0, 100, 2, False)
    with pytest.warns(RuntimeWarning, match="only one init in MiniBatchKMeans instead of n_init=4"):
        assert len(MiniBatchKMeans(3, init=X[:3], n_init=4).fit(X).init_results_) == 1


def test_first_portion_needs_a_row_for_every_cluster():
    with pytest.raises(ValueError, match="n_samples=2 should be >= n_clusters=3"):
        MiniBatchKMeans(3).partial_fit(np.eye(2))


def test_a_start_among_rows_without_weight_is_refused():
    X, _ = data(0, 1000, 2, False)
    with pytest.raises(ValueError, match=r"sample_weight 0\. Raise init_size"):
        MiniBatchKMeans(2, init_size=3, random_state=0).fit(X, sample_weight=np.eye(1000)[0])


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "Converged (lack of improvement in inertia) at step"),
        ({"tol": 1e-1}, "Converged (small centers change) at step"),
        ({"reassignment_ratio": 0.5}, "[MiniBatchKMeans] Reassigning"),
        ({"n_init": 2, "init": "random"}, "Init 2/2 with method random"),
    ],
)
def test_verbose_prints_the_lines_of_scikit_learn(options, line, capsys):
    X, _ = data(0, 300, 2, False)
    options = {"verbose": 1, "batch_size": 30, "random_state": 0, **options}
    printed = []
    for cls in (MiniBatchKMeans, SklearnMiniBatch):
        cls(5, **options).fit(X)
        lines = capsys.readouterr().out.splitlines()
        assert any(text.startswith(line) for text in lines)
        printed.append([[_rounded(word) for word in text.split(" ")] for text in lines])
    assert printed[0] == printed[1]


def _rounded(word):
    try:
        return f"{float(word.rstrip(',')):.8g}"
    except ValueError:
        return word
