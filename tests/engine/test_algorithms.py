"""Every k-means algorithm labels rows and adds them up as the definition has it, and as Lloyd's."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.algorithms import ALGORITHMS, SYNONYMS, named
from fastmix.engine.kmeans import means, run
from fastmix.engine.rows import put_back

SHAPES = [(1, 1, 1), (4, 1, 3), (33, 2, 5), (64, 3, 1), (65, 5, 4), (200, 4, 2), (130, 9, 11)]


@pytest.fixture(params=ALGORITHMS)
def chosen(request):
    return ALGORITHMS[request.param]


def order_of(rows, state):
    """The numbers of the rows of X, in the order in which the algorithm holds them."""
    return np.arange(rows.n) if state.order is None else state.order


@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_a_pass_labels_every_row_and_adds_it_up(chosen, rng, packed, dtype, n, d, k):
    X = rng.randint(-5, 6, (n, d)).astype(dtype)  # integers: exact, and full of ties
    weight = 1 + rng.randint(3, size=n).astype(np.float64)
    weight[n // 2] = 0.0 if n > 1 else 2.0
    centers = rng.randint(-5, 6, (k, d)).astype(dtype)
    rows = packed(X, weight)
    scale = 2.0**rows.weight_exponent
    state = chosen.start(rows, centers)
    order = order_of(rows, state)
    assert_array_equal(np.sort(order), np.arange(n))
    assert_array_equal(rows.weight[:n] * scale, weight[order])
    last = np.full(n, -1)
    for _ in range(3):
        totals = chosen.assign(rows, centers, state)
        labels, sq_dist, _ = naive.nearest(X, centers)
        counts, sums = naive.cluster_totals(X, weight, labels, k)
        assert_array_equal(state.labels[:n], labels[order])
        inspected = chosen.inspect(rows, centers, state).sq_dist[:n]
        assert_array_equal(inspected, sq_dist[order])
        assert_array_equal(totals.counts * scale, counts)
        assert_array_equal(totals.sums * scale, sums)
        assert totals.objective * scale == naive.inertia(X, weight, labels, centers)
        assert totals.changed == np.count_nonzero(labels != last)
        last, moved = labels, centers + rng.randint(-1, 2, (k, d)).astype(dtype)
        shift = np.sqrt(((moved - centers).astype(np.float64) ** 2).sum(axis=1))
        chosen.move(state, moved, shift)
        centers = moved


def test_every_pass_gives_lloyds_bits(chosen, rng, packed, dtype, assert_same_bits):
    X, weight = rng.normal(size=(300, 3)).astype(dtype), rng.uniform(size=300)
    mine, his = packed(X, weight), packed(X, weight)
    lloyd, centers = ALGORITHMS["lloyd"], X[:7].copy()
    states = chosen.start(mine, centers), lloyd.start(his, centers)
    order = order_of(mine, states[0])
    for _ in range(12):
        got = chosen.assign(mine, centers, states[0])
        expected = lloyd.assign(his, centers, states[1])
        assert_same_bits(got._replace(objective=0.0), expected._replace(objective=0.0))
        assert got.objective == pytest.approx(expected.objective, rel=1e-6)
        inspected = chosen.inspect(mine, centers, states[0]).sq_dist[:300]
        assert_same_bits(inspected, lloyd.inspect(his, centers, states[1]).sq_dist[:300][order])
        assert_same_bits(states[0].labels[:300], states[1].labels[:300][order])
        moved = means(expected, centers)
        shift = np.sqrt(((moved - centers).astype(np.float64) ** 2).sum(axis=1))
        chosen.move(states[0], moved, shift)
        lloyd.move(states[1], moved, shift)
        centers = moved


def test_a_second_look_changes_nothing(chosen, rng, packed):
    X = rng.normal(size=(100, 2))
    rows, centers = packed(X), X[:3].copy()
    state = chosen.start(rows, centers)
    assert chosen.assign(rows, centers, state).changed == 100
    for _ in range(3):
        chosen.move(state, centers, np.zeros(3))
        assert chosen.assign(rows, centers, state).changed == 0


# --- whole runs ------------------------------------------------------------------------------


def cloud(random, n, d, k):
    return random.normal(size=(n, d))


def far_blobs(random, n, d, k):
    return 10 * random.normal(size=(k, d))[random.randint(k, size=n)] + random.normal(size=(n, d))


LARGE = {  # enough rows for `auto` to take filtering, the same, hamerly, and lloyd
    "plane": (cloud, 25_000, 2, 20),
    "blobs": (far_blobs, 25_000, 8, 20),
    "many": (cloud, 20_000, 20, 70),
    "cloud": (cloud, 22_000, 8, 10),
}
KINDS = {
    "rows": lambda random, X: (X, None),
    "weighted": lambda random, X: (X, random.uniform(size=len(X))),
    "duplicates": lambda random, X: (np.round(2 * X), random.randint(4, size=len(X)) / 2.0),
}


def unequal(random, X):
    """Weights of 2**-20 to 2**10."""
    return X, 2.0 ** random.randint(-20, 11, len(X))


@pytest.fixture(scope="module")
def lloyds(packed):
    """Lloyd's run of large data, made once, and what it started from."""
    made = {}

    def make(name, kind, dtype):
        if (name, kind, dtype) not in made:
            random = np.random.RandomState(0)
            source, n, d, k = LARGE[name]
            X, weight = kind(random, source(random, n, d, k))
            X = X.astype(dtype)
            start = X[random.choice(n, k, replace=False)].copy()
            expected = run(packed(X, weight), start, ALGORITHMS["lloyd"], 12, 0.0)
            made[name, kind, dtype] = X, weight, start, expected
        return made[name, kind, dtype]

    return make


@pytest.mark.compiled
@pytest.mark.usefixtures("threaded")
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("kind", KINDS)
def test_every_run_gives_lloyds_bits(chosen, lloyds, packed, dtype, name, kind, assert_same_bits):
    X, weight, start, expected = lloyds(name, KINDS[kind], dtype)
    runs = []
    for n_threads in (1, 2, 3):
        rows = packed(X, weight, n_threads)
        found = run(rows, start, chosen, 12, 0.0)
        runs.append(found._replace(state=None))
        if found.state.order is not None:
            put_back(rows, found.state.order)
        fresh = packed(X, weight, n_threads)
        assert_same_bits((rows.tiles, rows.weight), (fresh.tiles, fresh.weight))  # in their places
    for got in runs[1:]:
        assert_same_bits(got, runs[0])
    whole = [(each.centers, each.labels, each.n_iter, each.converged) for each in (got, expected)]
    assert_same_bits(*whole)
    assert got.history == pytest.approx(expected.history, rel=1e-6)
    assert got.objective == pytest.approx(expected.objective, rel=1e-6)


@pytest.mark.compiled
@pytest.mark.parametrize("name", LARGE)
def test_a_run_after_another_is_the_same_as_alone(chosen, lloyds, packed, dtype, name):
    X, weight, start, expected = lloyds(name, KINDS["weighted"], dtype)
    rows = packed(X, weight)
    fewer = run(rows, start[1:] + 1, chosen, 3, 0.0)
    found = run(rows, start, chosen, 12, 0.0, earlier=fewer.state)
    assert_array_equal(found.centers, expected.centers)
    assert_array_equal(found.labels, expected.labels)
    again = run(rows, start[1:] + 1, chosen, 3, 0.0, earlier=found.state)
    assert_array_equal(again.labels, fewer.labels)  # which nobody has touched since
    assert_array_equal(again.centers, fewer.centers)


@pytest.mark.compiled
@pytest.mark.parametrize("name", LARGE)
def test_weights_too_unequal_for_exact_sums_give_lloyds_run(
    chosen, lloyds, packed, assert_same_bits, name
):
    """Sums are then those of the rows in the order in which the algorithm holds them."""
    X, weight, start, expected = lloyds(name, unequal, np.dtype(np.float64))
    got = run(packed(X, weight), start, chosen, 12, 0.0)
    assert_same_bits(got.labels, expected.labels)
    assert (got.n_iter, got.converged) == (expected.n_iter, expected.converged)
    # n roundings of sums of positive and negative terms; clusters weigh more than one row
    assert_allclose(got.centers, expected.centers, rtol=0, atol=1e-12 * np.abs(X).max())
    if got.state.order is None:
        assert_same_bits(got.centers, expected.centers)


@pytest.mark.parametrize("seed", [*range(30), 3556, 5016, 5319, 6872])
def test_small_runs_give_lloyds_bits(chosen, packed, seed, assert_same_bits):
    """Few labels change for a while, and then, in some of these runs, many again."""
    random = np.random.RandomState(seed)
    n, d, k = random.randint(20, 400), random.randint(1, 4), random.randint(2, 12)
    X = random.normal(size=(n, d)) if seed % 2 else random.exponential(size=(n, d)) ** 3
    first = random.permutation(n) if seed % 3 else np.argsort(X[:, 0])
    start = X[first[:k]].copy()
    got, expected = (
        run(packed(X), start, each, 300, 0.0) for each in (chosen, ALGORITHMS["lloyd"])
    )
    whole = [(each.centers, each.labels, each.n_iter, each.converged) for each in (got, expected)]
    assert_same_bits(*whole)


# --- names -----------------------------------------------------------------------------------


def test_every_name_leads_to_an_algorithm():
    for name, algorithm in ALGORITHMS.items():
        assert named(name) is algorithm
    for name, other in SYNONYMS.items():
        assert name not in ALGORITHMS
        assert named(name) is ALGORITHMS[other]
    assert {"lloyd", "hamerly", "filtering", "elkan", "auto"} <= {*ALGORITHMS, *SYNONYMS}


def test_an_unknown_name_is_an_error():
    with pytest.raises(KeyError):
        named("Lloyd")


def labels_by(algorithm, rows, centers):
    """Labels of one pass, in the order of X."""
    state = algorithm.start(rows, centers)
    algorithm.assign(rows, centers, state)
    labels = np.empty(rows.n, np.int32)
    labels[order_of(rows, state)] = state.labels[: rows.n]
    return labels


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (kind, size)
        for kind, root in ((np.float32, 1e-23), (np.float64, 1e-162))
        for size in (root, 3 * root, 10 * root, 1e3 * root)
    ],
)
def test_rows_far_below_the_size_of_the_frame_get_lloyds_labels(chosen, rng, packed, kind, size):
    """The squares of their distances vanish, or have few digits."""
    X = (size * rng.normal(size=(3000, 2))).astype(kind)
    X[0], X[1] = 1, -1
    centers = X[2:12].copy()
    expected = labels_by(ALGORITHMS["lloyd"], packed(X), centers)
    assert_array_equal(labels_by(chosen, packed(X), centers), expected)


def test_rows_nearly_as_far_from_two_centers_get_lloyds_labels(
    chosen, near_the_plane, packed, dtype
):
    """Each of them so often that it fills whole tiles: their boxes are points."""
    X, centers = near_the_plane(100, 3, 0.3 * np.finfo(dtype).eps, dtype)
    X = np.repeat(X, 64, 0)
    expected = labels_by(ALGORITHMS["lloyd"], packed(X), centers)
    assert 0 < np.count_nonzero(expected) < len(X)
    assert_array_equal(labels_by(chosen, packed(X), centers), expected)
