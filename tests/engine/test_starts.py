"""Every start of a mixture: whose rows it shares out, and what the caller may lay down."""

import naive
import numpy as np
import pytest
from numpy.random import RandomState
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine import starts
from fastmix.engine.covariances import CollapseError
from fastmix.engine.likelihood import Given, Likelihood, log_const
from fastmix.engine.rows import take
from fastmix.engine.starts import STARTS, one_hot, start

N, D, K = 150, 2, 4
NOTHING = Given(None, None, None)
# Sums of 150 numbers below 50, or of their squares.
CLOSE = {"rtol": 1e-11, "atol": 1e-11}


def clusters(X, random):
    seeds, _ = naive.kmeans_plusplus(X, K, None, random)
    return X, naive.one_hot(naive.kmeans(X, seeds).labels, K)


def chance(X, random):
    resp = random.uniform(size=(len(X), K))
    return X, resp / resp.sum(axis=1, keepdims=True)


def seeds(X, random):
    return naive.kmeans_plusplus(X, K, None, random)[0], np.eye(K)


def any_rows(X, random):
    return X[random.choice(len(X), size=K, replace=False)], np.eye(K)


# The rows that every start shares out, and how, from the same random numbers.
DEFINITIONS = {
    "kmeans": clusters,
    "random": chance,
    "k-means++": seeds,
    "random_from_data": any_rows,
}


@pytest.fixture(params=STARTS)
def name(request):
    return request.param


@pytest.fixture
def X(blobs):
    return np.round(64 * blobs(N, D, K, gap=2.0).X) / 64  # k-means++ potentials are exact


@pytest.fixture
def rows(X, packed):
    return packed(X)


def test_every_start_has_a_definition():
    assert STARTS.keys() == DEFINITIONS.keys()


# --- totals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [starts.BLOCK_NUMBERS, 32 * K, 70 * K, 1])
@pytest.mark.parametrize("seed", range(3))
def test_a_start_shares_rows_out_as_its_definition_does(
    name, X, rows, covariance, covariance_type, numbers, seed, monkeypatch
):
    monkeypatch.setattr(starts, "BLOCK_NUMBERS", numbers)  # rows come in blocks of 32 or 64 too
    mine, naives = RandomState(seed), RandomState(seed)
    totals = STARTS[name](rows, K, covariance, mine)
    expected = naive.m_step(*DEFINITIONS[name](X, naives), covariance_type, 0.01)
    got = Likelihood(covariance, 0.01).update(totals)
    for part, other in zip(got[:3], expected, strict=True):
        assert_allclose(part, other, **CLOSE)
    assert mine.uniform() == naives.uniform()  # both have drawn as much


def test_the_k_means_run_of_a_start_ends_within_its_tolerance(X, rows, covariance, monkeypatch):
    monkeypatch.setattr(starts, "KMEANS_TOL", 0.1)
    first, _ = naive.kmeans_plusplus(X, K, None, RandomState(0))
    soon, late = (naive.kmeans(X, first, tol=tol).labels for tol in (0.1, 0.0))
    totals = STARTS["kmeans"](rows, K, covariance, RandomState(0))
    assert_array_equal(totals.counts, np.bincount(soon, minlength=K))
    assert not np.array_equal(np.bincount(late, minlength=K), totals.counts)


def test_blocks_are_whole_tiles_of_bounded_size(packed, monkeypatch):
    rows = packed(np.zeros((200, 1), np.float32))
    monkeypatch.setattr(starts, "BLOCK_NUMBERS", 64 * 2 * K + 1)
    blocks = list(starts._blocks(rows, K))
    assert [(each.start, each.stop) for each in blocks] == [(0, 128), (128, 200)]


def test_weights_of_rows_count_among_clusters_but_not_among_single_rows(X, packed, covariance):
    weight = np.arange(N) % 3.0
    heavy, rows = packed(X, weight), packed(X)
    scale = 2.0**heavy.weight_exponent
    totals = STARTS["kmeans"](heavy, K, covariance, RandomState(0))
    assert scale * totals.counts.sum() == weight.sum()
    totals = STARTS["random_from_data"](heavy, K, covariance, RandomState(0))
    assert_array_equal(totals.counts, 1)
    drawn = RandomState(0).choice(N, K, replace=False, p=weight / weight.sum())
    assert_array_equal(totals.origin, take(rows, drawn))


def test_one_hot_gives_every_row_to_its_label():
    labels = np.array([2, 0, 2, 1], np.int32)
    assert_array_equal(one_hot(labels, 4), naive.one_hot(labels, 4))


# --- start -----------------------------------------------------------------------------------


def test_without_given_parts_a_start_is_the_m_step_of_its_totals(
    name, rows, covariance, assert_same_bits
):
    got = start(rows, K, name, Likelihood(covariance, 0.01), RandomState(5))
    totals = STARTS[name](rows, K, covariance, RandomState(5))
    assert_same_bits(got, Likelihood(covariance, 0.01).update(totals))


def test_given_parts_replace_theirs_and_leave_the_others(
    name, rows, covariance, random_covariances, assert_same_bits
):
    plain = start(rows, K, name, Likelihood(covariance, 0.01), RandomState(5))
    weights, means = np.array([0.1, 0.2, 0.3, 0.4]), np.arange(K * D, dtype=float).reshape(K, D)
    factor = covariance.factor(random_covariances(K, D))

    def given(**parts):
        chosen = NOTHING._replace(**parts)
        return start(rows, K, name, Likelihood(covariance, 0.01, chosen), RandomState(5))

    constant = log_const(weights, covariance.log_det(plain.factor, K, D), D)
    expected = plain._replace(weights=weights, log_const=constant)
    assert_same_bits(given(weights=weights), expected)
    assert_same_bits(given(means=means), plain._replace(means=means))
    got = given(factor=factor)
    assert_same_bits((got.weights, got.means, got.factor), (plain.weights, plain.means, factor))
    assert_array_equal(got.covariances, covariance.invert(factor))
    expected = log_const(got.weights, covariance.log_det(factor, K, D), D)
    assert_array_equal(got.log_const, expected)
    assert_same_bits(given(means=means, factor=factor), got._replace(means=means))


def test_where_everything_is_given_nothing_is_drawn(name, rows, covariance, random_covariances):
    weights, means = np.full(K, 0.25), np.zeros((K, D))
    covariances = random_covariances(K, D)
    given = Given(weights, means, covariance.factor(covariances))
    got = start(rows, K, name, Likelihood(covariance, 0.01, given), random=None)
    assert got.weights is weights
    assert got.means is means
    assert got.factor is given.factor
    assert_allclose(got.covariances, covariances, **CLOSE)
    expected = log_const(weights, covariance.log_det(given.factor, K, D), D)
    assert_array_equal(got.log_const, expected)


def test_a_start_without_volume_has_collapsed_unless_precisions_are_given(
    name, packed, covariance, random_covariances
):
    rows = packed(np.zeros((9, D)))
    with pytest.raises(CollapseError, match="reg_covar"):
        start(rows, K, name, Likelihood(covariance, 0.0), RandomState(0))
    given = NOTHING._replace(factor=covariance.factor(random_covariances(K, D)))
    got = start(rows, K, name, Likelihood(covariance, 0.0, given), RandomState(0))
    assert_array_equal(got.means, 0)
