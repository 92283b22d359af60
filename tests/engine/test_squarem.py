"""Accelerated EM: where it leaps, what the loop takes back, and that it ends where EM ends."""

import numpy as np
import pytest
from numpy.random import RandomState
from numpy.testing import assert_allclose

from fastmix.engine import em
from fastmix.engine.likelihood import Likelihood
from fastmix.engine.squarem import ACCELERATIONS, Squarem, plainly
from fastmix.engine.starts import start

# Features, components and the spread of their means: all overlap, so plain EM is slow.
OVERLAPPING = [(2, 3, 1.5), (2, 4, 2.0), (3, 3, 1.2), (3, 5, 1.5), (1, 3, 1.5), (5, 4, 1.0)]
TOL = 1e-8
K, D = 3, 2


def overlapping(seed, n=800):
    """Rows of a mixture whose components overlap, and the number of components."""
    d, k, spread = OVERLAPPING[seed]
    random = RandomState(seed)
    means = spread * random.normal(size=(k, d))
    roots = np.eye(d) + 0.6 * random.normal(size=(k, d, d))
    truth = random.randint(k, size=n)
    noise = np.einsum("nij,nj->ni", roots[truth], random.normal(size=(n, d)))
    return means[truth] + noise, k


def fit(rows, k, covariance, name, tol=TOL, max_iter=20_000, reg_covar=0.0):
    """One run from the clusters of k-means."""
    model = Likelihood(covariance, reg_covar)
    first = start(rows, k, "kmeans", model, RandomState(0))
    stepper = ACCELERATIONS[name](model)
    return em.run(rows, first, model, tol=tol, max_iter=max_iter, stepper=stepper)


def one_more(rows, parameters, covariance):
    """Bounds of the parameters and after one more plain step."""
    return em.run(rows, parameters, Likelihood(covariance, 0.0), tol=0.0, max_iter=2).history


@pytest.fixture
def mixture(parameters, random_covariances, rng):
    """Some mixture of K components in D features."""
    return parameters(rng.dirichlet(np.ones(K)), rng.normal(size=(K, D)), random_covariances(K, D))


@pytest.fixture
def straight_path(parameters, covariance, mixture, rng):
    """Maker of three mixtures on a straight way, the distance to its end shrinking by a rate."""
    away = rng.normal(size=(K, D))
    end = covariance.to_vector(mixture.covariances)
    along = 0.2 * rng.normal(size=end.shape)

    def make(rate):
        return [
            parameters(
                mixture.weights,
                mixture.means + rate**t * away,
                covariance.from_vector(end + rate**t * along, K, D),
            )
            for t in range(3)
        ]

    return make


# --- whole runs ------------------------------------------------------------------------------


@pytest.mark.compiled  # thousands of passes
def test_six_overlapping_mixtures_end_at_rest_in_fewer_passes(packed, covariance):
    shares = []
    for seed in range(len(OVERLAPPING)):
        X, k = overlapping(seed)
        rows = packed(X)
        plain, fast = (fit(rows, k, covariance, name) for name in (None, "squarem"))
        assert plain.converged
        assert fast.converged
        # a plain step may fall by the rounding of a mean of numbers of about 5
        assert np.diff(fast.history).min() >= -1e-14
        assert fast.n_iter >= len(fast.history)
        before, after = one_more(rows, fast.parameters, covariance)
        assert 0 <= before - fast.bound < TOL
        assert abs(after - before) < TOL
        if abs(fast.bound - plain.bound) < 1e-6:
            # EM stops at a distance of its optimum where it is slow: by sqrt(1e-6), roughly
            assert_allclose(fast.parameters.means, plain.parameters.means, atol=0.1)
            assert_allclose(fast.parameters.weights, plain.parameters.weights, atol=0.05)
        shares.append(fast.n_iter / plain.n_iter)
    assert np.median(shares) < 0.7


@pytest.mark.compiled  # thousands of passes
def test_the_optimum_is_that_of_plain_em(packed, covariance):
    X, k = overlapping(5)
    plain, fast = (fit(packed(X), k, covariance, name, tol=1e-14) for name in (None, "squarem"))
    assert fast.n_iter < plain.n_iter
    assert fast.bound == pytest.approx(plain.bound, abs=1e-11)
    for mine, other in zip(fast.parameters[:3], plain.parameters[:3], strict=True):
        assert_allclose(mine, other, atol=1e-4)


@pytest.mark.parametrize("max_iter", range(9))
def test_an_interrupted_run_gives_no_leap_that_nobody_has_tried(packed, covariance, max_iter):
    X, k = overlapping(0)
    rows = packed(X)
    got = fit(rows, k, covariance, "squarem", tol=0.0, max_iter=max_iter)
    assert (got.n_iter, got.converged) == (max_iter, False)
    assert one_more(rows, got.parameters, covariance)[0] >= got.bound - 1e-14


def test_the_unit_of_the_rows_does_not_matter(packed, covariance):
    X, k = overlapping(1)
    small, large = (fit(packed(X * unit), k, covariance, "squarem") for unit in (1.0, 1024.0))
    assert large.n_iter == small.n_iter
    assert_allclose(large.parameters.means, 1024 * small.parameters.means, rtol=1e-6)


# --- leaps -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
def test_a_leap_reaches_the_end_of_a_straight_path(covariance, mixture, straight_path, rate):
    stepper = Squarem(Likelihood(covariance, 0.0))
    path = straight_path(rate)
    assert stepper(path[0]) is path[0]
    assert stepper(path[1]) is path[1]
    leap = stepper(path[2])
    # r / (1 - rate) and v / (1 - rate)^2 enlarge the rounding of the path
    close = {"rtol": 1e-10 / (1 - rate), "atol": 1e-10 / (1 - rate)}
    assert_allclose(leap.weights, mixture.weights, **close)
    assert_allclose(leap.means, mixture.means, **close)
    assert_allclose(leap.covariances, mixture.covariances, **close)
    assert_allclose(leap.factor, mixture.factor, **close)
    assert_allclose(leap.log_const, mixture.log_const, **close)
    assert stepper(leap) is leap  # a new path begins


@pytest.mark.parametrize("rate", [-1.5, 0.0, 1.0])
def test_a_path_that_leads_nowhere_is_followed_plainly(covariance, straight_path, rate):
    stepper = Squarem(Likelihood(covariance, 0.0))
    for each in straight_path(rate):
        assert stepper(each) is each


def test_a_component_without_weight_is_no_place_to_leap_from(covariance, straight_path):
    stepper = Squarem(Likelihood(covariance, 0.0))
    path = straight_path(0.5)
    path[0] = path[0]._replace(weights=np.array([0.0, 0.5, 0.5]))
    for each in path:
        assert stepper(each) is each


def test_no_leap_ends_below_reg_covar(covariance, mixture, straight_path):
    least = covariance.least_variance(mixture.covariances)
    for reg_covar, leaps in ((0.99 * least, True), (1.01 * least, False)):
        stepper = Squarem(Likelihood(covariance, reg_covar))
        *_, end = path = straight_path(0.5)
        assert [stepper(each) is each for each in path] == [True, True, not leaps], end


def test_without_acceleration_there_is_no_leap(covariance, mixture):
    stepper = ACCELERATIONS[None](Likelihood(covariance, 0.0))
    assert stepper is plainly
    assert stepper(mixture) is mixture


# --- the loop --------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [50.0, 1e160], ids=["less likely", "out of reach"])
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_a_bad_leap_costs_a_pass_and_nothing_else(packed, covariance, assert_same_bits, offset):
    X, k = overlapping(0)
    rows, model = packed(X), Likelihood(covariance, 0.0)
    first = start(rows, k, "kmeans", model, RandomState(0))
    asked = []

    def misled(parameters):
        asked.append(parameters)
        return parameters._replace(means=parameters.means + offset) if asked[1:] else parameters

    def every_third(parameters):
        asked.append(parameters)
        far = parameters._replace(means=parameters.means + offset)
        return parameters if len(asked) % 3 else far

    plain = em.run(rows, first, model, tol=1e-4, max_iter=100)
    got = em.run(rows, first, model, tol=1e-4, max_iter=100, stepper=every_third)
    assert_same_bits(got.history, plain.history)
    assert_same_bits(got.parameters, plain.parameters)
    assert got.n_iter == len(asked) == plain.n_iter + (plain.n_iter - 1) // 2
    asked.clear()
    stuck = em.run(rows, first, model, tol=1e-4, max_iter=7, stepper=misled)
    assert (stuck.n_iter, stuck.converged) == (7, False)
    assert_same_bits(stuck.history, plain.history[:1])


def test_a_leap_to_an_equal_likelihood_is_not_taken_for_rest(packed, covariance):
    X, k = overlapping(0)
    rows, model = packed(X), Likelihood(covariance, 0.0)
    first = start(rows, k, "kmeans", model, RandomState(0))
    got = em.run(rows, first, model, tol=np.inf, max_iter=4, stepper=lambda p: p._replace())
    assert (got.n_iter, got.converged) == (4, False)


def test_a_refused_leap_leaves_no_trace_in_the_model(packed, covariance):
    """A policy that mends components remembers what it has done: it is not told of refused leaps."""
    X, k = overlapping(0)
    rows, model, told = packed(X), Likelihood(covariance, 0.0), []

    class Listening:
        def __init__(self):
            self.covariance, self.bound = covariance, model.bound

        def update(self, totals):
            told.append(totals.objective)
            return model.update(totals)

    def misled(parameters):
        return parameters._replace(means=parameters.means + 50.0) if told else parameters

    first = start(rows, k, "kmeans", model, RandomState(0))
    found = em.run(rows, first, Listening(), tol=0.0, max_iter=6, stepper=misled)
    assert len(told) == len(found.history) == 1
