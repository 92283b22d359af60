"""Stepwise EM: the step of the definition, EM and the running mean as its limits, schedules, frames."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine import stepwise
from fastmix.engine.collapse import Raise
from fastmix.engine.likelihood import Likelihood
from fastmix.engine.passes import expect
from fastmix.engine.results import Frame
from fastmix.engine.rows import pack
from fastmix.engine.stepwise import Schedule

REG = 1e-3


@pytest.fixture
def walk(covariance):
    """Stepper over batches (X, weight), each in a frame of its own."""

    def go(memory, batches, schedule):
        for X, weight in batches:
            rows = framed(X, weight)
            policy = Raise(Likelihood(covariance, REG), rows, np.random.RandomState(0))
            memory, _ = stepwise.step(memory, rows, policy, schedule)
        return memory

    return go


def framed(X, weight=None):
    return pack(X, Frame(X.mean(0), 0), weight, 1)


def begun(found, X, n_rows, covariance):
    """A memory of a mixture in the coordinates of X."""
    rows = framed(X)
    found = found._replace(means=found.means - rows.frame.origin)
    return stepwise.beginning(found, rows, n_rows, covariance, X.var(0))


def assert_is(found, memory, expected, tolerance=1e-10):
    weights, means, covariances = expected
    assert_allclose(found.weights, weights, rtol=tolerance)
    assert_allclose(found.means + memory.origin, means, rtol=0, atol=tolerance)
    assert_allclose(found.covariances, covariances, rtol=0, atol=tolerance)


# --- the definition ------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.6, 1.0])
def test_steps_are_those_of_the_definition(problem, walk, covariance, covariance_type, rng, power):
    X, start, found = problem(n=150)
    parts = np.split(np.arange(150), [40, 90, 100])
    batches = [(X[some], rng.uniform(1, 1.9, len(some))) for some in parts]
    worth = 20.0
    seen = np.cumsum([weight.sum() for _, weight in batches])
    # a mixture that is begun with counts rows like those of `begun`, of weight 1
    steps = [
        (w.sum() / (worth + total)) ** power for (_, w), total in zip(batches, seen, strict=True)
    ]
    memory = walk(begun(found, X, worth, covariance), batches, Schedule(power, 0.0, 0.0))
    expected = naive.stepwise(batches, steps, start, covariance_type, REG)
    assert_is(memory.parameters, memory, expected)


def test_a_step_of_the_whole_way_is_an_em_step(problem, walk, covariance, covariance_type):
    X, start, found = problem()
    memory = begun(found, X, 50.0, covariance)
    batches, schedule = [(X, None)] * 4, Schedule(0.6, 1.0, 1e9)
    memory = walk(memory, batches, schedule)
    assert memory.totals.n_rows == len(X)
    expected = naive.em(X, covariance_type, start=start, tol=0, reg_covar=REG, max_iter=4)
    assert_is(memory.parameters, memory, expected[:3], 1e-9)
    same = Likelihood(covariance, REG)
    assert_array_equal(stepwise.averaged(memory, same).means, memory.parameters.means)


def test_power_one_is_the_running_mean(rng, walk, parameters, covariance, covariance_type):
    X = rng.normal(size=(60, 2)) @ [[2.0, 0.5], [0.0, 1.0]] + 7.0
    # to one component all rows belong, whatever its parameters are
    start = naive.m_step(X[:9], np.ones((9, 1)), covariance_type, 1.0)
    memory = begun(parameters(*start), X[:9], 0, covariance)
    batches = [(X[some], None) for some in np.split(np.arange(60), [10, 11, 40])]
    memory = walk(memory, batches, Schedule(1.0, 0.0, 0.0))
    assert memory.totals.n_rows == pytest.approx(60)
    expected = naive.m_step(X, np.ones((60, 1)), covariance_type, REG)
    assert_is(memory.parameters, memory, expected)


# --- how much a batch counts -----------------------------------------------------------------------


def test_equal_batches_count_by_a_power_of_their_number(rng):
    rows = framed(rng.normal(size=(50, 2)))
    for power in (0.6, 0.75, 1.0):
        steps = [Schedule(power, 0.0, 0.0).step(rows, 50.0 * n) for n in range(1, 20)]
        assert_allclose(steps, np.arange(1.0, 20.0) ** -power, rtol=1e-14)
    assert Schedule(0.6, 0.25, 0.0).step(rows, 1e9) == 0.25
    assert Schedule(0.6, 1.0, 1e9).step(rows, 1e9) == 1.0


@pytest.mark.parametrize("unit", [1.0, 1.5])
def test_nothing_is_forgotten_before_there_is_enough(rng, unit):
    row = framed(rng.normal(size=(1, 2)), np.array([unit]))
    schedule = Schedule(0.6, 0.0, 100.0)
    assert schedule.step(row, 40.0 * unit) == pytest.approx(1 / 40)
    assert schedule.step(row, 100.0 * unit) == pytest.approx(1 / 100)
    # a hundred rows one by one are remembered as they are together
    assert schedule.step(row, 900.0 * unit) == pytest.approx(9**-0.6 / 100)


def test_enough_are_twenty_rows_a_component_and_ten_numbers_a_parameter(
    covariance, covariance_type
):
    for k, d in [(1, 1), (3, 2), (10, 15)]:
        numbers = 10 * (naive.n_parameters(covariance_type, k, d) - (k - 1))
        assert stepwise.enough(covariance, k, d) == max(20 * k, int(np.ceil(numbers / d)))


# --- the average -----------------------------------------------------------------------------------


def test_the_average_weighs_late_totals_most(problem, walk, covariance, rng):
    X, _, found = problem(n=120)
    order = rng.permutation(120)
    batches = [(X[some], None) for some in np.array_split(order, 6)]
    memory, every = begun(found, X, 0, covariance), []
    for n, batch in enumerate(batches, start=1):
        memory = walk(memory, [batch], Schedule(0.6, 0.0, 0.0))
        assert memory.n_averaged == n
        every.append(memory.totals.counts)
        shares = [stepwise.TAIL / (i + stepwise.TAIL - 1) for i in range(1, n + 1)]
        weights = [
            s * np.prod([1 - later for later in shares[i + 1 :]]) for i, s in enumerate(shares)
        ]
        assert sum(weights) == pytest.approx(1)
        assert_allclose(
            memory.average.counts, np.average(every, axis=0, weights=weights), rtol=1e-12
        )
    kept = stepwise.averaged(memory, Likelihood(covariance, REG))
    assert np.abs(kept.means - memory.parameters.means).max() > 1e-6


# --- frames and units ------------------------------------------------------------------------------


def test_the_frame_and_the_unit_of_weights_do_not_matter(problem, walk, covariance):
    X, _, found = problem()
    parts = np.split(np.arange(90), [30, 40])
    plain = walk(
        begun(found, X, 10, covariance), [(X[p], None) for p in parts], Schedule(0.7, 0.0, 0.0)
    )
    far = found._replace(means=found.means + 2.0**20)
    weighted = [(X[p] + 2.0**20, np.full(len(p), 2.0**500)) for p in parts]
    memory = stepwise.beginning(
        far._replace(means=far.means - framed(X + 2.0**20).frame.origin),
        framed(X + 2.0**20, np.full(90, 2.0**500)),
        10,
        covariance,
        X.var(0),
    )
    moved = walk(memory, weighted, Schedule(0.7, 0.0, 0.0))
    assert moved.weight_exponent == 500
    assert_allclose(moved.parameters.weights, plain.parameters.weights, rtol=1e-7)
    assert_allclose(moved.parameters.covariances, plain.parameters.covariances, rtol=1e-6)
    means = moved.parameters.means + moved.origin - 2.0**20
    assert_allclose(means, plain.parameters.means + plain.origin, atol=1e-7)


def test_weights_that_become_next_to_nothing_are_refused(problem, walk, covariance):
    X, _, found = problem()
    schedule = Schedule(0.7, 0.0, 0.0)
    memory = walk(begun(found, X, 0, covariance), [(X, np.full(90, 1e300))], schedule)
    with pytest.raises(ValueError, match="sample_weight is too small beside that of earlier rows"):
        walk(memory, [(X, np.full(90, 1e-300))], schedule)
    # the other way round, what was before is as good as forgotten
    memory = walk(begun(found, X, 0, covariance), [(X[:40], np.full(40, 1e-300))], schedule)
    memory = walk(memory, [(X, np.full(90, 1e300))], schedule)
    assert memory.totals.n_rows == pytest.approx(90 * 1e300 * 2.0**-memory.weight_exponent)


def test_moments_do_not_wear_out(problem, walk, covariance):
    """Re-based at every step for a thousand steps, totals are still those of the rows."""
    X, _, found = problem(n=60)
    batches = [(X[i % 2 :: 2] + 0.01 * i, None) for i in range(1000)]
    memory = walk(begun(found, X, 0, covariance), batches, Schedule(0.6, 0.5, 0.0))
    rows = framed(batches[-1][0])
    last = expect(rows, memory.parameters, covariance)
    assert np.all(np.linalg.eigvalsh(covariance.to_full(memory.parameters.covariances, 3, 2)) > 0.1)
    assert last.objective / last.n_rows > -5
