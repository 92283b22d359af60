"""Every start of a mixture: whose rows it shares out, and what the caller may lay down."""

import naive
import numpy as np
import pytest
from numpy.random import RandomState
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine import shares, starts
from fastmix.engine.algorithms import ALGORITHMS
from fastmix.engine.likelihood import Given, Likelihood, log_const
from fastmix.engine.results import Frame
from fastmix.engine.rows import pack, take
from fastmix.engine.shares import blocks, mean_and_variances, overall
from fastmix.engine.starts import STARTS, start, whitened
from fastmix.engine.whitening import CollapseError

pytestmark = pytest.mark.usefixtures("few")

N, D, K = 150, 2, 4
NOTHING = Given(None, None, None)
# Sums of 150 numbers below 50, or of their squares.
CLOSE = {"rtol": 1e-11, "atol": 1e-11}


def clusters(X, random):
    seeds, _ = naive.kmeans_plusplus(X, K, None, random)
    return X, naive.one_hot(naive.kmeans(X, seeds).labels, K)


def whitened_clusters(X, random):
    values, vectors = np.linalg.eigh(np.cov(X.T, bias=True))
    seeds, _ = naive.kmeans_plusplus(X @ (vectors / np.sqrt(values)), K, None, random)
    return X, naive.one_hot(naive.kmeans(X @ (vectors / np.sqrt(values)), seeds).labels, K)


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
    "kmeans-whitened": whitened_clusters,
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


@pytest.mark.parametrize("numbers", [shares.BLOCK_NUMBERS, 32 * K, 70 * K, 1])
@pytest.mark.parametrize("seed", range(3))
def test_a_start_shares_rows_out_as_its_definition_does(
    name, X, rows, covariance, covariance_type, numbers, seed, monkeypatch
):
    monkeypatch.setattr(shares, "BLOCK_NUMBERS", numbers)  # rows come in blocks of 32 or 64 too
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
    monkeypatch.setattr(shares, "BLOCK_NUMBERS", 64 * 2 * K + 1)
    found = list(blocks(rows, K))
    assert [(each.start, each.stop) for each in found] == [(0, 128), (128, 200)]


def test_weights_of_rows_count_among_clusters_and_a_seed_counts_as_the_average_row(
    X, packed, covariance
):
    weight = np.arange(N) % 3.0
    heavy, rows = packed(X, weight), packed(X)
    scale = 2.0**heavy.weight_exponent
    totals = STARTS["kmeans"](heavy, K, covariance, RandomState(0))
    assert scale * totals.counts.sum() == weight.sum()
    totals = STARTS["random_from_data"](heavy, K, covariance, RandomState(0))
    assert_allclose(scale * totals.counts, weight[weight > 0].mean(), rtol=1e-14)
    drawn = RandomState(0).choice(N, K, replace=False, p=weight / weight.sum())
    assert_array_equal(totals.origin, take(rows, drawn))


# --- whitened rows ---------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_whitened_rows_have_unit_variance_along_every_direction(rng, packed, weighted):
    X = rng.normal(size=(70, 3)) @ rng.normal(size=(3, 3)) + [5.0, 0.0, -3.0]
    weight = rng.uniform(0, 3, 70) if weighted else None
    found = whitened(packed(X, weight))
    Z = take(found, np.arange(70))
    assert_allclose(np.cov(Z.T, bias=True, aweights=weight), np.eye(3), atol=1e-12)
    distances = ((X - X.mean(0)) @ np.linalg.inv(np.cov(X.T, bias=True, aweights=weight)))[0]
    assert (Z[0] - Z.mean(0)) @ (Z[0] - Z.mean(0)) == pytest.approx(distances @ (X - X.mean(0))[0])
    padding = found.tiles.transpose(0, 2, 1).reshape(-1, 3)[70:]
    assert len(padding)
    assert_array_equal(padding, 0)


def test_four_points_whitened_by_hand(packed):
    """A rectangle of 200 x 2 becomes a square of side 2."""
    X = np.array([[0.0, 0.0], [0.0, 2.0], [200.0, 0.0], [200.0, 2.0]])
    Z = take(whitened(packed(X)), np.arange(4))
    sides = np.linalg.norm(Z - Z[0], axis=1)
    assert_allclose(sides, [0, 2, 2, np.sqrt(8)], rtol=1e-14, atol=1e-14)


def test_constant_and_dependent_directions_are_left_out(rng, packed, dtype):
    x = rng.normal(size=50)
    X = np.c_[x, np.full(50, 0.1), 3 * x + 1, rng.normal(size=50)].astype(dtype)
    found = whitened(pack(X, Frame(X.mean(0), 0), None, 1))
    assert found.tiles.shape[1] == 2
    assert found.tiles.dtype == dtype
    assert_allclose(take(found, np.arange(50)).var(0), 1, rtol=1e-5)


def test_equal_rows_stay_equal_when_whitened(packed):
    found = whitened(packed(np.full((9, 3), 7.0)))
    assert_array_equal(found.tiles, 0)
    assert found.tiles.shape[1] == 1


def test_the_unit_of_a_feature_does_not_matter_to_whitened_rows(rng, packed):
    X = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 3))
    near, far = (whitened(packed(X * scale)) for scale in (np.ones(3), [2.0**60, 1.0, 2.0**-60]))
    assert_array_equal(near.tiles, far.tiles)


# --- rows shared out as given ----------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
@pytest.mark.parametrize("numbers", [shares.BLOCK_NUMBERS, 1])
def test_labels_and_responsibilities_are_shared_out_alike(
    rng, X, rows, covariance, covariance_type, kind, numbers, monkeypatch
):
    monkeypatch.setattr(shares, "BLOCK_NUMBERS", numbers)
    labels = rng.randint(0, K, N).astype(kind)
    resp = naive.one_hot(labels, K)
    model = Likelihood(covariance, 0.01)
    expected = naive.m_step(X, resp, covariance_type, 0.01)
    for given in (labels, resp, np.asfortranarray(resp, np.float32)):
        got = start(rows, K, given, model, None)
        for part, other in zip(got[:3], expected, strict=True):
            assert_allclose(part, other, **CLOSE)


def test_second_moments_are_those_about_the_means(packed, covariance, covariance_type):
    """A tight cluster far from the mean of the rows keeps its covariance."""
    X = np.array([[0.0], [0.0], [2e8], [2e8 + 2]])
    got = start(packed(X), 2, np.array([0, 0, 1, 1]), Likelihood(covariance, 1.0), None)
    expected = naive.m_step(X, naive.one_hot([0, 0, 1, 1], 2), covariance_type, 1.0)
    assert_allclose(got.covariances, expected[2], rtol=1e-6)


def test_all_rows_as_one_component(rng, packed, covariance, covariance_type):
    X, weight = rng.normal(size=(50, 3)), rng.uniform(0, 2, 50)
    got = overall(packed(X, weight), covariance)
    expected = naive.m_step(X, weight[:, None], covariance_type, 0.0)
    assert_allclose(got.means, expected[1], atol=1e-13)
    assert_allclose(got.covariances, expected[2], atol=1e-13)
    mean, variances = mean_and_variances(packed(X, weight))
    assert_allclose(mean, np.average(X, axis=0, weights=weight), atol=1e-13)
    assert_allclose(variances, np.cov(X.T, bias=True, aweights=weight).diagonal())


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


def test_whitened_rows_suit_every_algorithm(rng, monkeypatch, packed, covariance):
    """They are no rows of X, and of fewer features where one is constant: nobody may read X for them."""
    X = np.column_stack([rng.normal(size=(400, 2)) * [1.0, 9.0], np.ones(400)])
    rows = packed(X)
    expected = STARTS["kmeans-whitened"](rows, 3, covariance, RandomState(0))
    for algorithm in ALGORITHMS:
        monkeypatch.setattr(starts, "ALGORITHM", algorithm)
        got = STARTS["kmeans-whitened"](rows, 3, covariance, RandomState(0))
        assert_array_equal(got.counts, expected.counts)
        assert_array_equal(got.sums, expected.sums)
