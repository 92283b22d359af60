"""Every k-means algorithm labels rows and adds them up as the definition has it, and as Lloyd's."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.algorithms import ALGORITHMS, AUTO, SYNONYMS, choose, distances
from fastmix.kernels.tiles import tile_rows

SHAPES = [(1, 1, 1), (4, 1, 3), (33, 2, 5), (64, 3, 1), (65, 5, 4), (200, 4, 2), (130, 9, 11)]


@pytest.fixture(params=ALGORITHMS)
def chosen(request):
    return ALGORITHMS[request.param]


@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_a_pass_labels_every_row_and_adds_it_up(chosen, rng, packed, dtype, n, d, k):
    X = rng.randint(-5, 6, (n, d)).astype(dtype)  # integers: exact, and full of ties
    weight = 1 + rng.randint(3, size=n).astype(np.float64)
    weight[n // 2] = 0.0 if n > 1 else 2.0
    centers = rng.randint(-5, 6, (k, d)).astype(dtype)
    rows = packed(X, weight)
    scale = 2.0**rows.weight_exponent
    state = chosen.start(rows, centers)
    last = np.full(n, -1)
    for _ in range(3):
        totals = chosen.assign(rows, centers, state)
        labels, sq_dist, _ = naive.nearest(X, centers)
        counts, sums = naive.cluster_totals(X, weight, labels, k)
        assert_array_equal(state.labels[:n], labels)
        assert_array_equal(chosen.inspect(rows, centers, state).sq_dist[:n], sq_dist)
        assert_array_equal(totals.counts * scale, counts)
        assert_array_equal(totals.sums * scale, sums)
        assert totals.objective * scale == naive.inertia(X, weight, labels, centers)
        assert totals.changed == np.count_nonzero(labels != last)
        last, moved = labels, centers + rng.randint(-1, 2, (k, d)).astype(dtype)
        shift = np.sqrt(((moved - centers).astype(np.float64) ** 2).sum(axis=1))
        chosen.move(state, moved, shift)
        centers = moved


def test_every_algorithm_gives_lloyds_bits(chosen, rng, packed, dtype, assert_same_bits):
    X = rng.normal(size=(300, 3)).astype(dtype)
    rows = packed(X, rng.uniform(size=300))
    lloyd, centers = ALGORITHMS["lloyd"], X[:7].copy()
    states = chosen.start(rows, centers), lloyd.start(rows, centers)
    for _ in range(4):
        got, expected = (
            each.assign(rows, centers, state)
            for each, state in zip((chosen, lloyd), states, strict=True)
        )
        assert_same_bits(got._replace(objective=0.0), expected._replace(objective=0.0))
        assert got.objective == pytest.approx(expected.objective, rel=1e-6)
        mine, his = (
            each.inspect(rows, centers, state)
            for each, state in zip((chosen, lloyd), states, strict=True)
        )
        assert_same_bits(mine.sq_dist[: rows.n], his.sq_dist[: rows.n])
        assert_same_bits(states[0].labels[: rows.n], states[1].labels[: rows.n])
        moved = (expected.sums / expected.counts[:, None]).astype(dtype)
        shift = np.sqrt(((moved - centers).astype(np.float64) ** 2).sum(axis=1))
        chosen.move(states[0], moved, shift)
        lloyd.move(states[1], moved, shift)
        centers = moved


def test_a_second_look_changes_nothing(chosen, rng, packed):
    X = rng.normal(size=(100, 2))
    rows, centers = packed(X), X[:3].copy()
    state = chosen.start(rows, centers)
    assert chosen.assign(rows, centers, state).changed == 100
    chosen.move(state, centers, np.zeros(3))
    assert chosen.assign(rows, centers, state).changed == 0


def test_every_name_leads_to_an_algorithm():
    for name, algorithm in ALGORITHMS.items():
        assert choose(name, 99, 8, 2) is algorithm
    for name, other in SYNONYMS.items():
        assert name not in ALGORITHMS
        assert choose(name, 99, 8, 2) is ALGORITHMS[other]
    assert {"lloyd", "hamerly", "elkan"} <= {*ALGORITHMS, *SYNONYMS}


@pytest.mark.parametrize(
    ("n", "k", "d", "expected"),
    [
        (9, 1, 1, "lloyd"),
        (9999, 64, 15, "lloyd"),
        (9999, 63, 16, "lloyd"),
        (9999, 64, 16, "hamerly"),
        (9999, 999, 99, "hamerly"),
        (50_000, 100, 3, "filtering"),
        (49_999, 100, 3, "lloyd"),
        (50_000, 99, 3, "lloyd"),
        (50_000, 100, 4, "lloyd"),
    ],
)
def test_auto_takes_what_pays(n, k, d, expected):
    assert choose(AUTO, n, k, d) is ALGORITHMS[expected]


def test_an_unknown_name_is_an_error():
    with pytest.raises(KeyError):
        choose("Lloyd", 99, 8, 2)


@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_distances_are_of_every_row_to_every_center(rng, packed, dtype, n, d, k):
    X, centers = (rng.normal(size=(m, d)).astype(dtype) for m in (n, k))
    got = distances(packed(X), centers)
    assert got.shape == (n, k)
    assert got.dtype == dtype
    expected = np.sqrt(naive.sq_distances(X, centers)).astype(np.float64)
    # half of the squared distance's (d + 3) / 2 eps, and the root's own half
    assert_allclose(got, expected, rtol=(d + 5) / 4 * np.finfo(dtype).eps)


def test_more_rows_than_a_tile_leave_no_lane_out(dtype, packed):
    n = 3 * tile_rows(dtype) + 1
    X = np.arange(n, dtype=dtype)[:, None]
    assert_array_equal(distances(packed(X), np.zeros((1, 1), dtype)), X)
