"""The k-means loop, its refilling of empty clusters, and what it hands back."""

import itertools
import math
from functools import partial

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine.algorithms import ALGORITHMS
from fastmix.engine.kmeans import means, refill, run, same_partition, sizes, to_inertia
from fastmix.engine.results import Frame, Inspection, KMeansTotals
from fastmix.engine.rows import arrange, pack

EPS = np.finfo(np.float64).eps
PAIRS = np.array([[0.0], [2.0], [10.0], [12.0]])  # centers 1 and 11, objective 4


@pytest.fixture(params=ALGORITHMS)
def algorithm(request):
    return ALGORITHMS[request.param]


def totals_of(X, weight, labels, centers):
    """Totals of a labelling, and the squared distance of every row to its center."""
    counts, sums = naive.cluster_totals(X, weight, labels, len(centers))
    wide = counts.astype(np.float64), sums.astype(np.float64)
    sq_dist = ((X - centers[labels]) ** 2).sum(axis=1)
    return KMeansTotals(*wide, float(weight @ sq_dist), 0), sq_dist


# --- run -------------------------------------------------------------------------------------


def test_two_pairs_by_hand(algorithm, packed, dtype):
    rows = packed(PAIRS.astype(dtype))
    got = run(rows, np.array([[0.0], [2.0]], dtype), algorithm, 10, 0.0)
    # labels 0 1 1 1, centers 0 and 8; labels 0 0 1 1, centers 1 and 11; the same labels again
    assert_array_equal(got.labels, [0, 0, 1, 1])
    assert_array_equal(got.centers, [[1], [11]])
    assert got.centers.dtype == dtype
    assert got.history == [0 + 0 + 64 + 100, 0 + 4 + 4 + 16, 4]
    assert (got.objective, got.n_iter, got.converged) == (4, 3, True)


@pytest.mark.parametrize(("max_iter", "objective"), [(1, 24.0), (2, 4.0)])
def test_an_interrupted_run_says_so_and_fits_its_labels_to_its_centers(
    algorithm, packed, max_iter, objective
):
    got = run(packed(PAIRS), PAIRS[:2], algorithm, max_iter, 0.0)
    assert (got.n_iter, got.converged, got.objective) == (max_iter, False, objective)
    assert_array_equal(got.labels, naive.nearest(PAIRS, got.centers)[0])


def test_a_shift_within_the_tolerance_ends_the_run(algorithm, packed):
    # the second pass moves the centers by 1 and 3
    stays = run(packed(PAIRS), PAIRS[:2], algorithm, 10, 10.0)
    goes_on = run(packed(PAIRS), PAIRS[:2], algorithm, 10, 9.99)
    assert (stays.n_iter, stays.converged, stays.objective) == (2, True, 4)
    assert (goes_on.n_iter, goes_on.converged) == (3, True)


@pytest.mark.parametrize(
    ("n", "d", "k", "gap"), [(40, 1, 2, 3), (120, 2, 5, 6), (97, 5, 4, 2), (60, 9, 11, 4)]
)
@pytest.mark.parametrize("tol", [0.0, 1e-2])
def test_a_run_is_that_of_the_definition(algorithm, blobs, rng, packed, n, d, k, gap, tol):
    X, _, start = blobs(n=n, d=d, k=k, gap=gap)
    weight = rng.randint(1, 4, n).astype(np.float64)
    expected = naive.kmeans(X, start, weight, tol=tol)
    rows = packed(X, weight)
    got = run(rows, start, algorithm, 300, naive.tolerance(X, tol))
    assert_array_equal(got.labels, expected.labels)
    assert (got.n_iter, got.converged) == (expected.n_iter, expected.converged)
    # sums of n terms of the size of X or of its squares
    size = np.abs(X).max()
    assert_allclose(got.centers, expected.centers, rtol=0, atol=n * EPS * size)
    history = [to_inertia(objective, rows) for objective in got.history]
    assert_allclose(history, expected.history, rtol=n * EPS * size)
    assert to_inertia(got.objective, rows) == pytest.approx(expected.inertia, rel=n * EPS * size)


def test_empty_clusters_are_filled_on_the_way(algorithm, packed):
    X = np.array([[0.0], [1.0], [10.0], [11.0], [50.0]])
    start = np.array([[0.0], [500.0], [600.0]])
    expected = naive.kmeans(X, start, tol=0)
    got = run(packed(X), start, algorithm, 50, 0.0)
    assert_array_equal(got.labels, expected.labels)
    assert_allclose(got.centers, expected.centers, rtol=4 * EPS)
    assert got.n_iter == expected.n_iter
    assert len(set(got.labels)) == 3


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("max_iter", [1, 2, 50])
def test_ties_for_an_empty_cluster_go_to_the_first_rows_of_x(
    algorithm, packed, seed, max_iter, assert_same_bits
):
    """Far rows of several weights, all equally far from the only center that has rows."""
    random = np.random.RandomState(seed)
    far = 50 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1], [1, 0], [0, 1]])
    near = random.randint(-3, 4, (200, 2))
    X = random.permutation(np.concatenate([near, far, far, far])).astype(np.float64)
    weight = 1.0 + random.randint(3, size=len(X))
    start = np.array([[0, 0], [900, 0], [0, 900], [900, 900], [-900, 0]], np.float64)
    expected = naive.kmeans(X, start, weight, max_iter=max_iter, tol=0)
    got = run(packed(X, weight), start, algorithm, max_iter, 0.0)
    lloyd = run(packed(X, weight), start, ALGORITHMS["lloyd"], max_iter, 0.0)
    assert_same_bits(
        (got.centers, got.labels, got.n_iter), (lloyd.centers, lloyd.labels, lloyd.n_iter)
    )
    assert_array_equal(got.labels, expected.labels)
    assert_allclose(got.centers, expected.centers, rtol=0, atol=len(X) * EPS * 50)
    assert got.n_iter == expected.n_iter


def test_labels_fit_the_centers_even_if_the_last_pass_filled_a_cluster(algorithm, packed):
    """Hand-worked: cluster 2 is given a 10, loses it to its equal in cluster 0, and is given the 3.

    No label has changed meanwhile, so this pass is the last one.
    """
    X = np.array([[10.0], [10.0], [0.0], [1.0], [3.0]])
    got = run(packed(X), np.array([[12.0], [1.5], [100.0]]), algorithm, 50, 0.0)
    assert_array_equal(got.centers, [[10], [0.5], [3]])
    assert_array_equal(got.labels, [0, 0, 1, 1, 2])
    assert (got.objective, got.n_iter, got.converged) == (0.5, 2, True)


def test_more_clusters_than_distinct_rows_leave_some_empty(algorithm, packed):
    X = np.array([[1.0], [1.0], [1.0], [5.0]])
    got = run(packed(X), np.array([[1.0], [5.0], [9.0]]), algorithm, 50, 0.0)
    assert_array_equal(got.labels, [0, 0, 0, 1])
    assert_array_equal(got.centers, [[1], [5], [1]])  # on the heaviest one's mean
    assert got.objective == 0
    assert got.converged


@pytest.mark.parametrize(
    ("tolerance", "last"), [(0.0, "strict convergence."), (1e9, "within tolerance 1000000000.0.")]
)
def test_a_verbose_run_reports_every_pass_and_why_it_ended(packed, capsys, tolerance, last):
    run(packed(PAIRS), PAIRS[:2], ALGORITHMS["lloyd"], 10, tolerance, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Iteration 0, inertia 164.0."
    assert lines[-1].startswith("Converged at iteration ")
    assert lines[-1].endswith(last)


def test_a_verbose_run_reports_in_the_units_of_the_caller(packed, capsys):
    rows = pack(16 * PAIRS, Frame(np.zeros(1), 4), np.full(4, 8.0), 1)
    run(rows, PAIRS[:2], ALGORITHMS["lloyd"], 10, 20.0, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Iteration 0, inertia {8 * 256 * 164.0}."
    assert f"center shift {256 * 10.0} within tolerance {256 * 20.0}." in lines[-1]


# --- refill ----------------------------------------------------------------------------------


def test_the_farthest_row_fills_an_empty_cluster_by_hand(packed):
    labels, centers = np.array([0, 0, 0, 0], np.int32), np.array([[6.0], [99.0]])
    X = np.array([[0.0], [2.0], [10.0], [12.5]])
    totals, sq_dist = totals_of(X, np.ones(4), labels, centers)
    got, refilled = refill(packed(X), totals, labels, None, lambda: Inspection(sq_dist, None))
    assert refilled
    assert_array_equal(got.counts, [3, 1])
    assert_array_equal(got.sums, [[12], [12.5]])
    assert_array_equal(totals.counts, [4, 0])  # the caller's are not written to


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("n", "k"), [(6, 3), (40, 5), (70, 11)])
@pytest.mark.parametrize("arranged", [False, True])
def test_refilling_is_that_of_the_definition(packed, dtype, seed, n, k, arranged):
    """Whatever order the rows have been put in: among equally far ones those of X count."""
    random = np.random.RandomState(seed)
    X = random.randint(-9, 10, (n, 2)).astype(dtype)  # integers: exact, with ties for the farthest
    weight = random.randint(3, size=n).astype(np.float64)
    weight[:2] = 1.0
    labels = random.randint(1, 2 + k // 3, size=n).astype(np.int32)
    centers = random.randint(-9, 10, (k, 2)).astype(dtype)
    totals, sq_dist = totals_of(X, weight, labels, centers)
    rows = packed(X, weight)
    scaled = totals._replace(
        counts=np.ldexp(totals.counts, -rows.weight_exponent),
        sums=np.ldexp(totals.sums, -rows.weight_exponent),
    )
    order = random.permutation(n)
    if arranged:
        arrange(rows, order)
        labels_there, sq_dist = labels[order], sq_dist[order]
    else:
        labels_there, order = labels, None
    got, refilled = refill(rows, scaled, labels_there, order, lambda: Inspection(sq_dist, None))
    counts, sums = naive.refill_empty(X, weight, labels, centers, totals.counts, totals.sums)
    assert refilled
    assert_array_equal(np.ldexp(got.counts, rows.weight_exponent), counts)
    assert_array_equal(np.ldexp(got.sums, rows.weight_exponent), sums)


@pytest.mark.parametrize("weight", [[1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 0, 1]])
def test_more_empty_clusters_than_rows_of_weight_stay_empty(packed, weight):
    X, weight = np.array([[1.0], [4.0], [5.0], [6.0], [7.0]]), np.array(weight, float)
    labels, centers = np.zeros(5, np.int32), np.array([[0.0], [90], [91], [92], [93], [94]])
    totals, sq_dist = totals_of(X, weight, labels, centers)
    rows = packed(X, weight)
    assert rows.weight_exponent == 0
    got, refilled = refill(rows, totals, labels, None, lambda: Inspection(sq_dist, None))
    counts, sums = naive.refill_empty(X, weight, labels, centers, totals.counts, totals.sums)
    assert refilled
    assert_array_equal(got.counts, counts)
    assert_array_equal(got.sums, sums)


def test_nothing_is_refilled_where_nothing_is_empty_or_nothing_to_gain(packed):
    X, labels = np.array([[1.0], [1.0], [4.0]]), np.array([0, 0, 1], np.int32)
    for centers in (np.array([[0.0], [4.0]]), np.array([[1.0], [4.0], [9.0]])):
        totals, sq_dist = totals_of(X, np.ones(3), labels, centers)
        got, refilled = refill(packed(X), totals, labels, None, partial(Inspection, sq_dist, None))
        assert not refilled
        assert got is totals


def test_a_donor_that_gives_all_its_rows_away_weighs_nothing(packed):
    """Hand-worked: 0.3 - 0.1 - 0.2 is not 0 in floating point."""
    X, weight = np.array([[0.0], [1.0], [5.0]]), np.array([0.1, 0.2, 0.5])
    labels, centers = np.array([0, 0, 1], np.int32), np.array([[9.0], [5.0], [50.0], [60.0]])
    totals, sq_dist = totals_of(X, weight, labels, centers)
    assert (0.1 + 0.2) - 0.1 - 0.2 != 0
    rows = packed(X, weight)
    scale = 2.0**-rows.weight_exponent
    totals = totals._replace(counts=totals.counts * scale, sums=totals.sums * scale)
    got, _ = refill(rows, totals, labels, None, lambda: Inspection(sq_dist, None))
    assert_array_equal(got.counts, scale * np.array([0, 0.5, 0.1, 0.2]))


# --- means -----------------------------------------------------------------------------------


def test_an_empty_cluster_sits_on_the_mean_of_the_heaviest(dtype):
    counts, sums = np.array([2.0, 0.0, 5.0]), np.array([[4.0, 2.0], [7.0, 7.0], [5.0, 10.0]])
    got = means(KMeansTotals(counts, sums, 0.0, 0), np.zeros((3, 2), dtype))
    assert_array_equal(got, naive.average(counts, sums))
    assert_array_equal(got, [[2, 1], [1, 2], [1, 2]])
    assert got.dtype == dtype
    assert_array_equal(sums[1], 7)


# --- to_inertia ------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [-500, 0, 3, 400])
@pytest.mark.parametrize("weight", [1.0, 2.0**60])
def test_inertia_is_in_the_units_of_the_caller(exponent, weight):
    rows = pack(np.zeros((2, 1)), Frame(np.zeros(1), exponent), np.full(2, weight), 1)
    assert to_inertia(1.25, rows) == 1.25 * 4.0**exponent * weight


@pytest.mark.parametrize(
    ("objective", "exponent"), [(1.0, 512), (4.0, 511), (np.inf, 0), (1.0, 1000)]
)
def test_an_inertia_beyond_float64_is_refused(objective, exponent):
    rows = pack(np.zeros((2, 1)), Frame(np.zeros(1), exponent), None, 1)
    with pytest.raises(ValueError, match=r"too large.*overflows float64\. Rescale"):
        to_inertia(objective, rows)


def test_the_largest_inertia_is_returned():
    rows = pack(np.zeros((2, 1)), Frame(np.zeros(1), 511), None, 1)
    assert math.isfinite(to_inertia(3.99, rows))


# --- same_partition --------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.permutations(range(4)))
def test_renamed_clusters_are_the_same_partition(labels, names):
    labels = np.array(labels, np.int32)
    renamed = np.array(names, np.int32)[labels]
    assert same_partition(labels, renamed, 4)
    assert same_partition(renamed, labels, 4)


@pytest.mark.parametrize("n", [0, 1, 9, 10, 11, 35])
def test_sizes_are_counted_piece_by_piece(n, rng, monkeypatch):
    monkeypatch.setattr("fastmix.engine.kmeans.AT_ONCE", 10)
    labels = rng.randint(0, 4, n).astype(np.int32)
    assert sizes(labels, 6).tolist() == [np.count_nonzero(labels == c) for c in range(6)]


def test_partitions_are_compared_in_both_directions():
    """Every pair of labellings of four rows by three names, against all renamings."""
    labellings = [np.array(each, np.int32) for each in itertools.product(range(3), repeat=4)]
    renamings = [np.array(each) for each in itertools.permutations(range(3))]
    for labels in labellings[::5]:
        for others in labellings:
            expected = any(np.array_equal(names[labels], others) for names in renamings)
            assert same_partition(labels, others, 3) == expected
