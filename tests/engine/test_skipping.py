"""Skipped components change nothing but the order of additions, and rows come back to their places."""

import numpy as np
import pytest
from numpy.random import RandomState
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine import em, passes, skipping
from fastmix.engine.collapse import ON_COLLAPSE
from fastmix.engine.covariances import COVARIANCES, Shared
from fastmix.engine.likelihood import Likelihood, estimate, placed
from fastmix.engine.skipping import (
    LOOKS,
    WORTH,
    SkippingPasses,
    by_components,
    moved,
    nothing_known,
    sample,
    share,
)
from fastmix.engine.squarem import Squarem
from fastmix.engine.starts import start
from fastmix.engine.whitening import CollapseError
from fastmix.kernels.tiles import tile_rows

EPS = np.finfo(np.float64).eps
N, D, K = 4200, 3, 4
SECOND_LOOK = LOOKS[1]  # by which the runs below have found what there is to skip
EAGER = {"SAMPLE": 512, "ROWS_A_COMPONENT": 16, "TILES_A_COMPONENT": 4}
PATIENT = {name: getattr(skipping, name) for name in EAGER}
# Runs that add up in another order: sums of n terms, whose rounding EM of components that hardly
# overlap shrinks from step to step.
CLOSE = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 2e-4}


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """Order pays for few rows too, so that plain Python can keep up."""
    for name, value in EAGER.items():
        monkeypatch.setattr(skipping, name, value)


@pytest.fixture
def patient(monkeypatch):
    """Few rows are not looked at, as in earnest."""
    for name, value in PATIENT.items():
        monkeypatch.setattr(skipping, name, value)


@pytest.fixture
def dense(monkeypatch):
    """A switch: from now on nobody looks."""
    return lambda: monkeypatch.setattr(skipping, "LOOKS", ())


@pytest.fixture
def sorted_rows(monkeypatch):
    """How often rows were put in order."""
    calls = []

    def arrange(rows, order):
        calls.append(len(order))
        plainly(rows, order)

    plainly = skipping.arrange
    monkeypatch.setattr(skipping, "arrange", arrange)
    return calls


@pytest.fixture
def apart(blobs, packed):
    """Maker of rows in blobs far enough apart that order pays, perhaps with weights."""

    def make(dtype=np.float64, weighted=False, gap=10.0, n_threads=1):
        X = blobs(n=N, d=D, k=K, gap=gap).X
        X = (X[RandomState(1).permutation(N)] - X.mean(0)).astype(dtype)
        weight = RandomState(2).randint(4, size=N) / 2.0 if weighted else None
        return packed(X, weight, n_threads)

    return make


def first_of(rows, covariance, k=K):
    """A start some way off: three rows in forty are labelled wrong."""
    random = RandomState(3)
    means = start(rows, k, "kmeans", Likelihood(covariance, 1e-6), RandomState(0)).means
    near = ((rows.X[:, None, :] - means) ** 2).sum(2).argmin(1)
    labels = np.where(random.random_sample(rows.n) < 0.1, random.randint(k, size=rows.n), near)
    return start(rows, k, np.eye(k)[labels], Likelihood(covariance, 1e-6), RandomState(0))


def assert_same_run(got, expected, dtype):
    close = CLOSE[np.dtype(dtype)]
    assert (got.n_iter, got.converged) == (expected.n_iter, expected.converged)
    assert_allclose(got.history, expected.history, rtol=close, atol=close)
    for mine, other in zip(got.parameters[:5], expected.parameters[:5], strict=True):
        assert_allclose(mine, other, rtol=20 * close, atol=20 * close)


# --- whole runs ------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True], ids=["rows", "weighted"])
def test_a_run_with_skips_is_the_dense_run(
    apart, covariance, dtype, weighted, dense, sorted_rows, assert_same_bits
):
    rows, model = apart(dtype, weighted), Likelihood(covariance, 1e-6)
    before = rows.tiles.copy(), rows.weight.copy()
    first = first_of(rows, covariance)
    options = {"tol": 0.0, "max_iter": 14}
    got = em.run(rows, first, model, **options)
    assert sorted_rows == [N]
    assert_same_bits((rows.tiles, rows.weight), before)
    dense()
    expected = em.run(rows, first, model, **options)
    assert len(sorted_rows) == 1
    assert_same_run(got, expected, dtype)


@pytest.mark.compiled  # as many rows as it takes to be looked at
def test_many_rows_are_put_in_order_without_being_asked_to(patient, blobs, packed, covariance):
    k, n = 8, 40_000
    X = blobs(n=n, d=2, k=k, gap=8.0).X
    rows, model = packed(X), Likelihood(covariance, 1e-6)
    first = start(rows, k, "kmeans", model, RandomState(0))
    known = SkippingPasses(rows, covariance)
    with known:
        parameters = first
        for _ in range(SECOND_LOOK):
            parameters = model.update(known.expect(parameters))
        assert known._skips is not None
        skipped = np.mean(known._skips.near > 0)
        got = known.expect(parameters)
    expected = passes.expect(rows, parameters, covariance)
    assert skipped > 0.3
    # sums of n terms in another order, of rows within 40 of the means
    for mine, other in zip(got, expected, strict=True):
        assert_allclose(mine, other, rtol=1e-10, atol=1e-10 * n * 40**2)


@pytest.mark.compiled
@pytest.mark.usefixtures("threaded")
def test_results_do_not_depend_on_the_number_of_threads(
    apart, covariance, dtype, sorted_rows, assert_same_bits
):
    runs = []
    for n_threads in (1, 3):
        rows = apart(dtype, weighted=True, n_threads=n_threads)
        first = first_of(rows, covariance)
        runs.append(em.run(rows, first, Likelihood(covariance, 1e-6), tol=0.0, max_iter=10))
    assert len(sorted_rows) == 2
    assert_same_bits(*runs)


def test_leaps_are_taken_while_rows_are_in_another_order(
    monkeypatch, apart, covariance, dense, sorted_rows
):
    monkeypatch.setattr(skipping, "share", lambda resp, R: 0.0)  # where it does not, leaps are long
    rows, model = apart(gap=4.5), Likelihood(covariance, 1e-6)
    first = first_of(rows, covariance)
    leaps = []

    def leaping():
        squarem = Squarem(model)

        def stepper(parameters):
            tried = squarem(parameters)
            leaps.append(tried is not parameters and len(sorted_rows) == 1)
            return tried

        return stepper

    options = {"tol": 0.0, "max_iter": 10}
    got = em.run(rows, first, model, stepper=leaping(), **options)
    assert len(sorted_rows) == 1
    assert any(leaps)
    dense()
    expected = em.run(rows, first, model, stepper=leaping(), **options)
    assert_same_run(got, expected, np.float64)


class Collapsing:
    """A model one of whose components collapses in one step."""

    def __init__(self, model, when, c):
        self.model, self.steps, self.when, self.c = model, 0, when, c
        self.covariance, self.complete = model.covariance, model.complete
        self.first, self.bound = model.first, model.bound

    def update(self, totals):
        self.steps += 1
        if self.steps == self.when:
            found = estimate(totals, self.covariance, 1e-6)
            error = CollapseError(self.c, "asked for")
            raise placed(error, found.covariances, totals, self.covariance)
        return self.model.update(totals)


@pytest.mark.parametrize("policy", ["reseed", "regularize"])
def test_components_are_mended_while_rows_are_in_another_order(
    apart, covariance, policy, dense, sorted_rows
):
    if isinstance(covariance, Shared) and policy == "reseed":
        pytest.skip("with one covariance for all there is nothing to reseed but all")
    rows = apart(weighted=True)
    first = first_of(rows, covariance)
    runs = []
    for switch in (lambda: None, dense):
        switch()
        c = None if isinstance(covariance, Shared) else 1
        model = Collapsing(Likelihood(covariance, 1e-6), SECOND_LOOK + 2, c)
        model = ON_COLLAPSE[policy](model, rows, RandomState(5))
        runs.append(em.run(rows, first, model, tol=0.0, max_iter=12))
    assert len(sorted_rows) == 1
    assert len(runs[0].events) == 1
    # the number of the row that is drawn, in X, and what is told of it
    assert [event.split(";")[0] for event in runs[0].events] == [
        event.split(";")[0] for event in runs[1].events
    ]
    assert runs[0].events[0].split("row ")[-1] == runs[1].events[0].split("row ")[-1]
    assert_same_run(*runs, np.float64)


# --- Passes ----------------------------------------------------------------------------------


def test_rows_are_put_back_after_an_error(apart, covariance, dtype, assert_same_bits):
    rows = apart(dtype, weighted=True)
    before, first = (rows.tiles.copy(), rows.weight.copy()), first_of(rows, covariance)
    model = Likelihood(covariance, 1e-6)

    def interrupted():
        parameters = first
        with SkippingPasses(rows, covariance) as known:
            for _ in range(SECOND_LOOK):
                parameters = model.update(known.expect(parameters))
            assert known._order is not None
            assert np.any(rows.tiles != before[0])
            raise KeyError("on the way")

    with pytest.raises(KeyError, match="on the way"):
        interrupted()
    assert_same_bits((rows.tiles, rows.weight), before)


def test_rows_are_put_back_after_a_collapse(apart, covariance, sorted_rows, assert_same_bits):
    rows = apart()
    before, first = (rows.tiles.copy(), rows.weight.copy()), first_of(rows, covariance)
    c = None if isinstance(covariance, Shared) else 0
    model = Collapsing(Likelihood(covariance, 1e-6), SECOND_LOOK + 2, c)
    with pytest.raises(CollapseError, match="asked for"):
        em.run(rows, first, model, tol=0.0, max_iter=12)
    assert len(sorted_rows) == 1
    assert_same_bits((rows.tiles, rows.weight), before)


@pytest.mark.parametrize("gap", [0.0, 1.0])
def test_where_order_does_not_pay_the_passes_stay_dense(
    apart, covariance, gap, sorted_rows, assert_same_bits
):
    rows, model = apart(gap=gap), Likelihood(covariance, 1e-6)
    parameters = first_of(rows, covariance)
    with SkippingPasses(rows, covariance) as known:
        for _ in range(LOOKS[2]):
            got = known.expect(parameters)
            assert_same_bits(got, passes.expect(rows, parameters, covariance))
            parameters = model.update(got)
    assert sorted_rows == []


def test_too_few_rows_are_not_looked_at(patient, apart, covariance, sorted_rows):
    rows, model = apart(), Likelihood(covariance, 1e-6)
    assert len(sample(rows, K)) == 0
    em.run(rows, first_of(rows, covariance), model, tol=0.0, max_iter=7)
    assert sorted_rows == []


def test_what_matters_is_looked_at_and_no_more(apart, covariance):
    """Most tiles of blobs far apart have to do with one component, and learn that in one pass."""
    rows, model = apart(gap=30.0), Likelihood(covariance, 1e-6)
    parameters = first_of(rows, covariance)
    with SkippingPasses(rows, covariance) as known:
        for _ in range(SECOND_LOOK + 6):
            parameters = model.update(known.expect(parameters))
        near, _, home = known._skips
        n_tiles = len(rows.tiles)
        others = np.ones((n_tiles, K), bool)
        others[np.arange(n_tiles), home] = False
        # a component lies 30 standard deviations away, but in the tiles where blobs meet
        assert np.mean(near[others] > 15) > 0.8


# --- moved -----------------------------------------------------------------------------------


def test_what_has_moved_is_bounded_by_singular_values(rng, covariance, dtype, random_covariances):
    k, d = 4, 3
    before, after = (
        (
            rng.normal(size=(k, d)).astype(dtype),
            covariance.factor(random_covariances(k, d)).astype(dtype),
        )
        for _ in range(2)
    )
    low, high, shift = moved(before, *after, covariance)
    for c in range(k):
        rows = np.eye(d)
        was, now = (
            covariance.whiten(factor.astype(np.float64), c, rows).T for _, factor in (before, after)
        )
        s = np.linalg.svd(now @ np.linalg.inv(was), compute_uv=False)
        # of squares of a matrix whose condition is a hundred or so
        assert_allclose(low[c], s[-1], rtol=1e-10)
        assert_allclose(high[c], s[0], rtol=1e-10)
        gap = after[0][c].astype(np.float64) - before[0][c]
        assert_allclose(shift[c], np.linalg.norm(now @ gap), rtol=1e-12)
    for each in (low, high, shift):
        assert each.shape == (k,)
        assert each.flags.c_contiguous


def test_at_first_nothing_has_moved(rng, covariance):
    means, factor = rng.normal(size=(3, 2)), np.ones(covariance.shape(3, 2))
    low, high, shift = moved(None, means, factor, covariance)
    assert_array_equal([low, high, shift], [[1, 1, 1], [1, 1, 1], [0, 0, 0]])


def test_a_component_that_shrinks_by_hand(covariance_type):
    """Standard deviations 2 and then 1/2: distances grow fourfold, a step of 3 is 6 of them."""
    covariance = COVARIANCES[covariance_type]
    before, after = (covariance.factor(np.full(covariance.shape(1, 1), v)) for v in (4.0, 0.25))
    got = moved((np.zeros((1, 1)), before), np.full((1, 1), 3.0), after, covariance)
    assert_allclose(np.ravel(got), [4, 4, 6], rtol=4 * EPS)


# --- does order pay? -------------------------------------------------------------------------


def test_order_pays_where_components_are_apart(dtype):
    R, k = tile_rows(dtype), 4
    apart = np.eye(k, dtype=dtype)[np.arange(8 * R) % k]
    assert share(apart, R) == 1 / k < WORTH
    assert share(np.full((8 * R, k), 1 / k, dtype), R) == 1.0


def test_what_does_not_matter_is_below_eps_of_the_component(dtype):
    R, k, eps = tile_rows(dtype), 4, float(np.finfo(dtype).eps)
    for more, expected in ((0.05 * eps, 1 / k), (0.4 * eps, 1.0)):
        resp = np.eye(k)[np.arange(8 * R) % k] + more  # a component holds a quarter of the rows
        assert share(resp.astype(dtype), R) == expected


def test_nothing_is_known_at_first():
    near, far, home = nothing_known(3, 2)
    assert_array_equal(near, np.zeros((3, 2), np.float32))
    assert_array_equal(far, np.full(3, np.inf, np.float32))
    assert_array_equal(home, np.zeros(3, np.int64))


def test_order_is_by_best_and_second_component(rng, packed):
    rows = packed(rng.normal(size=(70, 2)))
    best, second = rng.randint(3, size=(2, rows.weight.size))
    got = by_components(rows, best, second, 3)
    assert_array_equal(got, np.lexsort((second[:70], best[:70])))


def test_a_sample_is_evenly_spread(packed):
    X = np.arange(N, dtype=np.float64)[:, None]
    got = sample(packed(X), 2)
    assert_array_equal(got, X[:: N // EAGER["SAMPLE"]])
    assert len(sample(packed(X), 1)) == 0  # one component is everywhere
