"""BisectingKMeans: scikit-learn's tree from the same seed, its labels, weights, edges and messages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import BisectingKMeans as SklearnBisecting

from fastmix import BisectingKMeans


def data(seed, n, d, weighted=False):
    random = np.random.RandomState(seed)
    X = 5 * random.normal(size=(n, d)) + random.choice(3, size=(n, 1)) * 10.0
    return X, random.uniform(0.1, 2, n) if weighted else None


def first_two(X, k, random_state):
    return X[:k].copy()


# --- the same as scikit-learn ----------------------------------------------------------------


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(30, 400),
    d=st.integers(1, 5),
    k=st.integers(1, 15),
    weighted=st.booleans(),
    init=st.sampled_from(["k-means++", "random", first_two]),
    n_init=st.sampled_from([1, 3]),
    strategy=st.sampled_from(["biggest_inertia", "largest_cluster"]),
    max_iter=st.sampled_from([1, 300]),
)
def test_the_same_seed_gives_the_tree_of_scikit_learn(
    seed, n, d, k, weighted, init, n_init, strategy, max_iter
):
    X, weight = data(seed, n, d, weighted)
    options = {
        "init": init,
        "n_init": n_init,
        "bisecting_strategy": strategy,
        "max_iter": max_iter,
        "random_state": seed,
    }
    ours = BisectingKMeans(k, **options).fit(X, sample_weight=weight)
    theirs = SklearnBisecting(k, **options).fit(X, sample_weight=weight)
    assert_array_equal(ours.labels_, theirs.labels_)
    assert ours.labels_.dtype == np.int32
    assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-8)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9, abs=1e-9)
    assert type(ours.inertia_) is float
    assert_array_equal(ours.predict(X), ours.labels_)
    new = 9 * np.random.RandomState(1).normal(size=(50, d)) + 5
    assert_array_equal(ours.predict(new), theirs.predict(new))
    assert ours.score(new) == pytest.approx(theirs.score(new))
    assert_allclose(ours.transform(new), theirs.transform(new))


def test_history_and_records_follow_the_splits():
    X, weight = data(0, 300, 3, weighted=True)
    model = BisectingKMeans(6, n_init=4, random_state=0).fit(X, sample_weight=weight)
    assert model.inertia_history_.shape == (5,)
    assert np.all(np.diff(model.inertia_history_) < 0)
    assert model.inertia_history_[-1] == pytest.approx(model.inertia_)
    assert len(model.init_results_) == 5 * 4
    assert sum(record.best for record in model.init_results_) == 5
    first = min(record.inertia for record in model.init_results_[:4])
    assert model.inertia_history_[0] == pytest.approx(first)
    assert_array_equal(model.cluster_sizes_, np.bincount(model.labels_))
    assert all(record.seeds.shape == (2,) for record in model.init_results_)
    assert not hasattr(model, "n_iter_")


# --- by hand ---------------------------------------------------------------------------------


def test_four_rows_by_hand():
    X = np.array([[0.0], [1.0], [10.0], [14.0]])
    model = BisectingKMeans(3, init="k-means++", random_state=0).fit(X)
    assert sorted(model.cluster_centers_.ravel()) == [0.5, 10.0, 14.0]
    assert model.inertia_ == 0.5
    assert model.labels_[0] == model.labels_[1]


def test_one_cluster_is_the_mean():
    X = np.array([[0.0], [1.0], [10.0], [14.0]])
    model = BisectingKMeans(1).fit(X, sample_weight=[1, 1, 1, 3])
    assert model.cluster_centers_ == [[6.25]]
    assert_array_equal(model.labels_, [0, 0, 0, 0])
    assert model.inertia_ == pytest.approx(((X.ravel() - 6.25) ** 2) @ [1, 1, 1, 3])
    assert len(model.inertia_history_) == len(model.init_results_) == 0


def test_equal_rows_leave_clusters_empty():
    model = BisectingKMeans(3, random_state=0).fit(np.ones((5, 2)))
    assert model.inertia_ == 0
    assert_array_equal(np.sort(model.cluster_sizes_), [0, 0, 5])
    assert_array_equal(model.predict(np.ones((2, 2))), model.labels_[:2])


def test_as_many_clusters_as_rows():
    X = np.random.RandomState(0).normal(size=(20, 2))
    model = BisectingKMeans(20, random_state=0).fit(X)
    assert model.inertia_ == pytest.approx(0, abs=1e-20)
    assert_array_equal(model.cluster_sizes_, np.ones(20))


# --- precision, threads, weights -------------------------------------------------------------


def test_float32_stays(blobs):
    X = blobs(n=200, k=4, dtype="float32").X
    model = BisectingKMeans(4, random_state=0).fit(X)
    assert model.cluster_centers_.dtype == model.transform(X).dtype == np.float32
    assert_array_equal(model.predict(X), model.labels_)
    wide = BisectingKMeans(4, init="k-means++", random_state=0).fit(X.astype(np.float64))
    assert_array_equal(wide.predict(X), wide.labels_)


def test_weights_may_have_any_unit(assert_same_bits):
    X, weight = data(0, 200, 2, weighted=True)
    one = BisectingKMeans(5, random_state=0).fit(X, sample_weight=weight)
    for unit in (2.0**-900, 2.0**900):
        other = BisectingKMeans(5, random_state=0).fit(X, sample_weight=weight * unit)
        assert_same_bits(other.labels_, one.labels_)
        assert_same_bits(other.cluster_centers_, one.cluster_centers_)
        assert other.inertia_ == one.inertia_ * unit


@pytest.mark.compiled
@pytest.mark.parametrize("n_threads", [2, 3])
def test_the_number_of_threads_never_shows(n_threads, assert_same_bits):
    X, _ = data(0, 20_000, 8)
    alone = BisectingKMeans(8, random_state=0, n_threads=1).fit(X)
    other = BisectingKMeans(8, random_state=0, n_threads=n_threads).fit(X)
    for name in ("labels_", "cluster_centers_", "inertia_", "inertia_history_"):
        assert_same_bits(getattr(other, name), getattr(alone, name), name)


def test_sums_of_the_halves_are_those_of_lloyd(blobs, dtype):
    from fastmix.engine import algorithms, bisecting
    from fastmix.engine.rows import frame_of, measure, pack

    X = blobs(n=333, d=5, k=2, gap=2.0, dtype=dtype).X
    weight = np.random.RandomState(0).choice([0.0, 0.5, 2.0], 333)
    rows = pack(X, frame_of(X, measure(X, 1), normalise=True), weight, 1)
    centers = np.array([[0.1] * 5, [-0.2] * 5], dtype)
    answers = []
    for algorithm in (algorithms.ALGORITHMS["lloyd"], bisecting.HALVES):
        state = algorithm.start(rows, centers)
        first = algorithm.assign(rows, centers, state)
        assert first.changed == 333
        assert algorithm.assign(rows, centers, state).changed == 0
        answers.append((state.labels[:333], first))
    (labels, ours), (their_labels, theirs) = answers
    assert_array_equal(labels, their_labels)
    assert_array_equal(ours.counts, theirs.counts)
    assert_array_equal(ours.sums, theirs.sums)
    assert ours.objective == pytest.approx(theirs.objective)


@pytest.mark.parametrize("n_left", [0, 1, 64, 99, 300, 333])
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("of_the_last_pass", [True, False])
def test_the_halves_keep_rows_weights_numbers_and_order(
    dtype, n_left, n_threads, of_the_last_pass, monkeypatch
):
    from fastmix import _threads
    from fastmix.engine import bisecting, kmeans
    from fastmix.engine.results import Frame
    from fastmix.engine.rows import pack, take
    from fastmix.kernels import shards

    monkeypatch.setattr(_threads, "DEFAULT_THREAD_WORK", 0)
    monkeypatch.setattr(shards, "WORK_A_SHARD", 1)
    random = np.random.RandomState(0)
    X = random.normal(size=(333, 3)).astype(dtype)
    weight = random.choice([0.0, 0.5, 2.0], 333)
    rows = pack(X, Frame(np.zeros(3, dtype), 0), weight, n_threads)
    labels = np.ones(333, np.int32)
    labels[random.permutation(333)[:n_left]] = 0
    centers, numbers = X[:2].copy(), 1000 + np.arange(333)
    state = bisecting.start(rows, centers)
    if of_the_last_pass:
        bisecting.assign(rows, centers, state)
        labels = state.labels[:333]
    found = kmeans.KMeansResult(centers, labels, 0.0, 1, True, [], state, [0.0])
    assert (bisecting.known(found, 0) is not None) == of_the_last_pass
    objectives = bisecting.objectives_of(rows, found)
    for side, (half, its) in enumerate(bisecting.parts(rows, numbers, found)):
        mine = labels == side
        assert half.n == mine.sum()
        assert_array_equal(take(half, np.arange(half.n)), X[mine])
        unit = 2.0**rows.weight_exponent
        assert_array_equal(half.weight[: half.n] * unit, weight[mine])
        assert_array_equal(half.weight[half.n :], 0)
        assert_array_equal(its, numbers[mine])
        expected = weight[mine] @ np.square(X[mine] - centers[side]).sum(1)
        assert objectives[side] * unit == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_a_split_knows_the_sums_of_its_halves(rng, dtype):
    from fastmix.engine import bisecting
    from fastmix.engine.kmeans import run
    from fastmix.engine.results import Frame
    from fastmix.engine.rows import pack

    X, weight = rng.normal(size=(300, 4)).astype(dtype), rng.uniform(size=300)
    rows = pack(X, Frame(np.zeros(4, dtype), 0), weight, 1)
    found = run(rows, rows.X[:2].copy(), bisecting.HALVES, 5, 0.0)
    numbers = np.arange(300)
    for side, (half, its) in enumerate(bisecting.parts(rows, numbers, found)):
        known = bisecting.known(found, side)
        first, again = (bisecting.start(half, found.centers, e) for e in (None, known))
        assert_array_equal(again.sums.grids, found.state.sums.grids)
        assert_allclose(again.sums.exact.sum(1), first.sums.exact.sum(1), rtol=1e-14)
        expected = rows.weight[its].sum(), rows.weight[its] @ rows.X[its].astype(np.float64)
        assert again.sums.exact[0, :, 4].sum() == pytest.approx(expected[0], rel=1e-14)
        assert_allclose(again.sums.exact[0, :, :4].sum(0), expected[1], rtol=1e-12)


@pytest.mark.parametrize("some", [1, 3, 4, 30])
def test_rows_that_change_side_take_their_parts_of_the_sums_along(
    rng, dtype, some, assert_same_bits
):
    from fastmix.engine import bisecting
    from fastmix.engine.results import Frame
    from fastmix.engine.rows import pack

    X, weight = rng.normal(size=(150, 3)).astype(dtype), rng.choice([0.0, 0.5, 2.0], 150)
    rows = pack(X, Frame(np.zeros(3, dtype), 0), weight, 1)
    state, anew = (bisecting.start(rows, X[:2].copy()) for _ in range(2))
    along = np.sort(X[:, 0])
    for place in (75, 75 + some, 75 - some):  # the border is moved over so many rows
        border = along[place]
        centers = np.array([[border - 9, 0, 0], [border + 9, 0, 0]], dtype)
        bisecting.assign(rows, centers, state)
    bisecting.assign(rows, centers, anew)
    assert_array_equal(state.labels, anew.labels)
    assert_same_bits(state.sums.exact.sum(1), anew.sums.exact.sum(1))


def test_rows_of_leaves_are_parted_when_one_of_them_is_asked_for(rng):
    from fastmix.engine import bisecting
    from fastmix.engine.kmeans import run
    from fastmix.engine.results import Frame
    from fastmix.engine.rows import pack, take

    X, numbers = rng.normal(size=(100, 2)), 5 + np.arange(100)
    rows = pack(X, Frame(np.zeros(2), 0), None, 1)
    root = bisecting.Node(np.zeros(2), 0.0, 100, bisecting.Own(rows, numbers))
    found = run(rows, X[:2].copy(), bisecting.HALVES, 5, 0.0)
    leaves = root.split(found)
    sides = [found.labels == side for side in range(2)]
    for _ in range(2):
        for leaf, mine in zip(leaves, sides, strict=True):
            assert leaf.n == mine.sum()
            assert_array_equal(leaf.numbers(), numbers[mine])
        own = leaves[1].own()
        assert leaves[1].own() is own
    assert_array_equal(take(own.rows, np.arange(own.rows.n)), X[sides[1]])
    assert_array_equal(own.numbers, numbers[sides[1]])


# --- messages --------------------------------------------------------------------------------


def test_an_array_of_centers_is_refused():
    with pytest.raises(ValueError, match="The 'init' parameter of BisectingKMeans must be"):
        BisectingKMeans(2, init=np.eye(2)).fit(np.eye(4))


def test_automatic_n_init_is_refused():
    with pytest.raises(ValueError, match="The 'n_init' parameter of BisectingKMeans must be"):
        BisectingKMeans(2, n_init="auto").fit(np.eye(4))


def test_too_few_weighted_rows_are_refused(unchanged):
    model = BisectingKMeans(2, random_state=0)
    with unchanged(model), pytest.raises(ValueError, match="only 1 rows have a positive"):
        model.fit(np.eye(4), sample_weight=[0, 0, 1, 0])


def test_verbose_prints_the_lines_of_scikit_learn(capsys):
    X, _ = data(0, 100, 2)
    printed = []
    for cls in (BisectingKMeans, SklearnBisecting):
        cls(3, verbose=1, random_state=0).fit(X)
        lines = capsys.readouterr().out.splitlines()
        assert any(line.startswith("New centroids from bisection: [[") for line in lines)
        printed.append([line.split()[:2] for line in lines if not line.startswith((" ", "New"))])
    assert printed[0] == printed[1]


@pytest.mark.parametrize("size", [1e9, 9e15, 1e80])
def test_a_row_far_away_that_does_not_count_has_the_label_of_predict(size):
    X = np.random.RandomState(0).normal(size=(2000, 1))
    weight = np.ones(2000)
    X[77], weight[77] = size, 0.0
    for seed in range(4):
        model = BisectingKMeans(8, random_state=seed).fit(X, sample_weight=weight)
        assert np.array_equal(model.labels_, model.predict(X))
        assert model.labels_[77] == model.cluster_centers_[:, 0].argmax()
