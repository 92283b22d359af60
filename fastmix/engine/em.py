"""The EM loop: whatever the covariance type, rows become totals and totals become parameters."""

import time
from typing import Protocol

import numpy as np

from fastmix.engine.covariance import Covariance
from fastmix.engine.results import (
    MixtureResult,
    MixtureTotals,
    Parameters,
    Rows,
)
from fastmix.engine.skipping import SkippingPasses
from fastmix.engine.squarem import Stepper, plainly
from fastmix.engine.watch import lasting
from fastmix.engine.whitening import RunError

OUT_OF_REACH = (
    "Some rows are so far from every component that their distance, in standard deviations, "
    "overflows. Rescale X, increase reg_covar, or check means_init and precisions_init."
)


class Model(Protocol):
    """What is fitted: how totals become parameters, and what rises."""

    @property
    def covariance(self) -> Covariance:
        """Shape of the components."""

    def first(self, totals: MixtureTotals | None) -> Parameters:
        """Parameters of a start; None where `given` is complete."""

    @property
    def complete(self) -> bool:
        """Whether the caller laid down all parameters to start from."""

    def update(self, totals: MixtureTotals) -> Parameters:
        """The M-step; CollapseError where a component loses its volume."""

    def bound(self, totals: MixtureTotals, before: Parameters, after: Parameters) -> float:
        """What EM raises, from the totals under `before` that gave `after`."""


def run(
    rows: Rows,
    start: Parameters,
    model: Model,
    *,
    tol: float,
    max_iter: int,
    bound: float = -np.inf,
    stepper: Stepper = plainly,
    verbose: int = 0,
    verbose_interval: int = 10,
) -> MixtureResult:
    """EM steps from `start` until the model's bound moves by less than tol.

    `bound` is that of an earlier fit which is taken up again. What `stepper` gives in place of the
    parameters of the last step is taken where the bound does not fall.

    Raises
    ------
    CollapseError
        If a component loses its volume.
    RunError
        If every component is too far from some row for float64.
    """
    parameters, history, converged, n_iter, n_done = start, list[float](), False, 0, 0
    events = start.events
    clock = time.perf_counter()

    def finished() -> MixtureResult | None:
        if not history:
            return None
        told = tuple(passes.names), passes.reason
        return MixtureResult(parameters, n_done, False, history, events, *told)

    with SkippingPasses(rows, model.covariance) as passes, lasting(rows, finished):
        for n_iter in range(1, max_iter + 1):
            tried = stepper(parameters)
            leap = tried is not parameters
            try:
                totals = reached(passes.expect(tried))
                # a leap is of a likelihood, whose bound needs no M-step; one refused leaves no trace
                if leap and model.bound(totals, tried, tried) < bound:
                    continue
                moved = model.update(totals)
            except RunError:
                if leap:
                    continue
                raise
            now = model.bound(totals, tried, moved)
            parameters, change, bound, n_done = moved, now - bound, now, n_iter
            history.append(bound)
            events += moved.events
            if verbose and n_iter % verbose_interval == 0:
                clock = report(n_iter, change, clock, verbose)
            settled = not leap and not moved.events  # a mended component has yet to settle
            if settled and abs(change) < tol:
                converged = True
                break
    return MixtureResult(
        parameters, n_iter, converged, history, events, tuple(passes.names), passes.reason
    )


def reached(totals: MixtureTotals) -> MixtureTotals:
    """The totals of an E-step, if some component reaches every row; RunError otherwise."""
    if not np.isfinite(totals.objective):
        raise RunError(OUT_OF_REACH)
    return totals


def report(n_iter: int, change: float, clock: float, verbose: int) -> float:
    """Print what an iteration has changed; the time at which that was."""
    if verbose == 1:
        print(f"  Iteration {n_iter}")
        return clock
    now = time.perf_counter()
    print(f"  Iteration {n_iter}\t time lapse {now - clock:.5f}s\t ll change {change:.5f}")
    return now
