"""Stepwise EM: a batch of rows is added to what is remembered of all rows before, and the mixture follows.

Per unit of weight the totals s move by a step of the way to those of the batch,

    s <- (1 - step) s + step s(batch),    step = (weight of the batch / weight of all rows so far)**power,

which for equal batches is n**-power for the n-th: Cappé & Moulines 2009,
doi:10.1111/j.1467-9868.2009.00698.x; Liang & Klein 2009, doi:10.3115/1620754.1620843. Power 1 is the
running mean, and step 1 an EM step. Totals are held as sums, so that their n_rows is the weight of the rows that
are remembered, weight / step; and about means, to which they follow the mixture: no digits are lost.
"""

import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from fastmix.engine.collapse import Raise
from fastmix.engine.covariance import Covariance
from fastmix.engine.em import Model, reached, report
from fastmix.engine.passes import expect
from fastmix.engine.results import Floats, MixtureTotals, Parameters, Rows
from fastmix.engine.totals import add, expected, moved, rebased, scaled

NUMBERS_A_PARAMETER = 10  # in the rows that a mixture is made of, at least
ROWS_A_COMPONENT = 20  # the same: Cappé & Moulines leave the first 20 rows to the start
TAIL = 8  # the average is over about the last eighth of the steps


class Schedule(NamedTuple):
    """How much a batch counts."""

    power: float  # above 0.5, at most 1
    forgetting: float  # the least step
    enough: float  # rows that a mixture can be made of

    def step(self, rows: Rows, seen: float) -> float:
        """Share of the rows in what is remembered, where their weight is the last of `seen`.

        Batches that are too small for a mixture count as parts of one that is not.
        """
        weight = max(rows.total, self.enough * mean_weight(rows))
        remembered = weight * (seen / weight) ** self.power
        return min(1.0, max(rows.total / min(seen, remembered), self.forgetting))


class Memory(NamedTuple):
    """What is remembered of the batches so far."""

    origin: Floats  # (d,) of the frame
    parameters: Parameters  # under which the next batch is shared out, in the frame
    totals: MixtureTotals  # about the means before the last step
    average: MixtureTotals  # of the totals, about the same
    n_averaged: int  # steps that the average is made of
    seen: float  # weight of all rows so far / 2**weight_exponent, as that of the totals
    weight_exponent: int
    variances: Floats  # (d,) of the features, among the first rows


class Course(NamedTuple):
    """What steps over epochs have done."""

    memory: Memory
    n_iter: int  # epochs
    converged: bool
    history: list[float]  # mean log-likelihood of every batch before it moved the mixture
    bound: float  # its mean over the last epoch
    events: tuple[str, ...]  # what was done about components that collapsed


def enough(covariance: Covariance, k: int, d: int) -> int:
    """Rows that a mixture can be made of."""
    n_parameters = k * d + covariance.n_parameters(k, d)
    return max(ROWS_A_COMPONENT * k, -(-NUMBERS_A_PARAMETER * n_parameters // d))


def mean_weight(rows: Rows) -> float:
    """Weight of a row, of those that have one."""
    return float(rows.total / np.count_nonzero(rows.weight))


def beginning(
    parameters: Parameters, rows: Rows, n_rows: float, covariance: Covariance, variances: Floats
) -> Memory:
    """A memory in the frame of rows, of a mixture that is worth `n_rows` rows like these."""
    seen = n_rows * mean_weight(rows)
    totals = expected(parameters, seen, covariance)
    origin = rows.frame.origin.astype(np.float64)
    return Memory(origin, parameters, totals, totals, 0, seen, rows.weight_exponent, variances)


def step(memory: Memory, rows: Rows, policy: Raise, schedule: Schedule) -> tuple[Memory, float]:
    """The memory once it has taken in a batch of rows, and their mean log-likelihood before that.

    Raises
    ------
    RunError
        If a component loses its volume, or none is near enough to some row for float64.
    ValueError
        If the weights of the rows are so much smaller than earlier ones that these overflow.
    """
    covariance = policy.covariance
    memory = _as_of(memory, rows)
    new = reached(expect(rows, memory.parameters, covariance))
    old, average = (
        rebased(each, new.origin, covariance) for each in (memory.totals, memory.average)
    )
    seen = memory.seen + new.n_rows
    share = schedule.step(rows, seen)
    keep = new.n_rows * (1.0 - share) / share / old.n_rows if old.n_rows > 0 else 0.0
    policy.turn_to(rows, memory.parameters, memory.variances)
    parameters = policy.update(add(scaled(old, keep), new))
    totals = policy.totals
    assert totals is not None  # the policy has made a step
    n_averaged = memory.n_averaged
    if parameters.events or schedule.forgetting > 0:
        n_averaged = 0  # an average would remember what is to be forgotten
    part = TAIL / (n_averaged + TAIL)
    average = add(scaled(average, 1.0 - part), scaled(totals, part)) if part < 1.0 else totals
    memory = memory._replace(
        parameters=parameters,
        totals=totals,
        average=average,
        n_averaged=n_averaged + 1,
        seen=seen,
    )
    return memory, new.objective / new.n_rows


def _as_of(memory: Memory, rows: Rows) -> Memory:
    """The memory in the frame and the unit of weight of these rows."""
    origin = rows.frame.origin.astype(np.float64)
    by = memory.origin - origin
    with np.errstate(over="ignore"):
        factor = float(np.ldexp(1.0, memory.weight_exponent - rows.weight_exponent))
        seen = factor * memory.seen
    if not np.isfinite(seen):
        raise ValueError(
            "sample_weight is too small beside that of earlier rows, which overflows in its unit. "
            "Scale the weights of all batches alike."
        )
    parameters = memory.parameters._replace(means=memory.parameters.means + by)
    totals, average = (moved(scaled(t, factor), by) for t in (memory.totals, memory.average))
    return memory._replace(
        origin=origin,
        parameters=parameters,
        totals=totals,
        average=average,
        seen=seen,
        weight_exponent=rows.weight_exponent,
    )


def averaged(memory: Memory, model: Model) -> Parameters:
    """The mixture of the averaged totals, in the frame of the memory.

    A share of TAIL / n of the n-th totals weighs them by about n**(TAIL - 1), whenever the steps end:
    Shamir & Zhang 2013, doi:10.48550/arXiv.1212.1824.
    """
    return memory.parameters if memory.n_averaged < 2 else model.update(memory.average)


def run(
    memory: Memory,
    epochs: Iterator[Iterable[Rows]],
    policy: Raise,
    schedule: Schedule,
    *,
    tol: float,
    max_iter: int,
    verbose: int = 0,
    verbose_interval: int = 1,
) -> Course:
    """Steps with the batches of every epoch until their mean log-likelihood moves by less than tol."""
    history, converged, bound, n_iter = list[float](), False, -np.inf, 0
    events: tuple[str, ...] = ()
    clock = time.perf_counter()
    for n_iter in range(1, max_iter + 1):
        weights, exponents, before = list[float](), list[int](), len(events)
        for rows in next(epochs):
            memory, one = step(memory, rows, policy, schedule)
            history.append(one)
            weights.append(rows.total)
            exponents.append(rows.weight_exponent)
            events += memory.parameters.events
        weight = np.ldexp(weights, np.array(exponents) - max(exponents))
        now = float(np.average(history[-len(weights) :], weights=weight))
        change, bound = now - bound, now
        if verbose and n_iter % verbose_interval == 0:
            clock = report(n_iter, change, clock, verbose)
        if abs(change) < tol and len(events) == before:  # a mended component has yet to settle
            converged = True
            break
    return Course(memory, n_iter, converged, history, bound, events)
