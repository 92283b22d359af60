"""Policies of a collapse: how totals are mended, where a restart falls, and when a run may end."""

import naive
import numpy as np
import pytest
from numpy.random import RandomState
from numpy.testing import assert_allclose

from fastmix.engine import em
from fastmix.engine.collapse import ON_COLLAPSE, Reseed
from fastmix.engine.likelihood import SMALLEST_COUNT, Likelihood
from fastmix.engine.passes import accumulate
from fastmix.engine.results import MixtureResult, Parameters
from fastmix.engine.runs import best_of
from fastmix.engine.whitening import CollapseError, RunError

K = 3


def test_restarts_are_drawn_where_rows_are_poorly_explained(
    rng, packed, parameters, covariance, covariance_type
):
    X, weight = rng.normal(size=(50, 2)), rng.uniform(0, 3, 50)
    start = naive.m_step(X, rng.dirichlet(np.ones(K), 50), covariance_type, 0.1)
    policy = Reseed(Likelihood(covariance, 0.0), packed(X, weight), RandomState(0))
    assert_allclose(policy._probabilities(), weight / weight.sum(), rtol=1e-12)
    policy.last = parameters(*start)
    log_norm = naive.e_step(X, *start, covariance_type)[0].astype(np.float64)
    depth = weight * (log_norm.max() - log_norm)
    assert_allclose(policy._probabilities(), depth / depth.sum(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"], indirect=True)
def test_a_run_that_collapses_in_the_middle_goes_on(
    rng, packed, parameters, covariance, covariance_type
):
    """Component 2 starts so narrow at a row that it holds nothing else."""
    X = rng.normal(size=(41, 2))
    means = np.array([[-1.0, 0.0], [1.0, 0.0], X[40]])
    sizes = np.array([1.0, 1.0, 1e-8])[:, None, None]
    start = parameters(
        np.full(3, 1 / 3), means, naive.from_full(sizes * np.eye(2), np.ones(3), covariance_type)
    )
    rows = packed(X)
    model = Likelihood(covariance, 0.0)
    for name in ("reseed", "regularize"):
        policy = ON_COLLAPSE[name](model, rows, RandomState(0))
        got = em.run(rows, start, policy, tol=1e-6, max_iter=500)
        assert got.converged
        assert got.n_iter > 2
        assert len(got.events) >= 1
        assert "Component 2 (weight 0.0244) has collapsed" in got.events[0]
        assert np.isfinite(got.history).all()


class Scripted:
    """A model whose bound never moves, and whose steps are told of as the script says."""

    complete = True

    def __init__(self, model, script):
        self.model, self.script, self.covariance = model, list(script), model.covariance

    def update(self, totals) -> Parameters:
        return self.model.update(totals)._replace(events=tuple(self.script.pop(0)))

    def bound(self, totals, before, after):
        return 1.0


def test_no_run_ends_in_the_step_of_an_event(rng, packed, parameters, covariance, covariance_type):
    X = rng.normal(size=(30, 2))
    start = parameters(*naive.m_step(X, rng.dirichlet(np.ones(K), 30), covariance_type, 0.1))
    model = Scripted(Likelihood(covariance, 0.1), [[], ["a"], ["b", "c"], [], []])
    start = start._replace(events=("start",))
    got = em.run(packed(X), start, model, tol=1e-3, max_iter=9)
    assert got.converged
    assert got.n_iter == 4
    assert got.events == ("start", "a", "b", "c")


def test_totals_that_are_mended_leave_the_others_alone(rng, packed, covariance, covariance_type):
    X, resp = rng.normal(size=(40, 2)), rng.dirichlet(np.ones(K), 40)
    totals = accumulate(packed(X), [resp], rng.normal(size=(K, 2)), covariance)
    before = [np.array(part) for part in totals]
    scatter = covariance.widened(totals.scatter, totals.counts + SMALLEST_COUNT, 1, 0.5)
    model = Likelihood(covariance, 0.0)
    plain, wide = model.update(totals), model.update(totals._replace(scatter=scatter))
    full = [naive.to_full(each.covariances, covariance_type, K, 2) for each in (plain, wide)]
    raised = np.zeros((K, 1, 1))
    raised[slice(None) if covariance_type.startswith("tied") else 1] = 0.5
    assert_allclose(full[1], full[0] + raised * np.eye(2), rtol=1e-12, atol=1e-12)
    for part, was in zip(totals, before, strict=True):
        assert_allclose(part, was, rtol=0)


def test_variances_of_rounding_are_refused(covariance, covariance_type):
    covariances = naive.from_full(np.array([np.eye(2), 1e-30 * np.eye(2)]), np.ones(2), "full")
    covariances = naive.from_full(covariances, np.ones(2), covariance_type)
    least = np.full((2, 2), 1e-29)
    if covariance_type.startswith("tied"):
        covariance.refuse_flat(covariances, least)
        covariances = naive.from_full(1e-30 * np.eye(2)[None], np.ones(1), covariance_type)
    with pytest.raises(CollapseError, match="a variance of 1e-30 is rounding") as error:
        covariance.refuse_flat(covariances, least)
    assert error.value.component == (None if covariance_type.startswith("tied") else 1)


def test_a_failed_run_does_not_keep_the_others():
    def fail(text):
        raise RunError(text)

    good = MixtureResult(None, 2, True, [0.0, 1.0], ("mended",))
    runs = [lambda: fail("first"), lambda: good, lambda: fail("third")]
    best, records = best_of(3, lambda: runs.pop(0)())
    assert best is good
    assert [record.error for record in records] == ["first", None, "third"]
    assert [record.best for record in records] == [False, True, False]
    assert records[1].events == ("mended",)
    with pytest.raises(RunError, match="first"):
        best_of(1, lambda: fail("first"))
