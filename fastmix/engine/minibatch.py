"""Mini-batch k-means: centers move a little towards every batch of rows (Sculley, WWW 2010).

doi:10.1145/1772690.1772862. Random numbers are drawn in scikit-learn's order.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import RandomState

from fastmix.engine.algorithms import Algorithm
from fastmix.engine.kmeans import scaled
from fastmix.engine.results import AnyRows, Array, Floats
from fastmix.engine.rows import take
from fastmix.engine.watch import Watcher


class Centers:
    """Centers in the frame, and what they remember of the batches they have seen."""

    def __init__(self, points: Array, batch_size: int, reassignment_ratio: float) -> None:
        self.points = points  # (k, d)
        self.counts: Floats = np.zeros(len(points))  # weight that each center has taken in
        self.batch_size, self.ratio = batch_size, float(reassignment_ratio)
        self.since = 0  # rows drawn since centers were last reassigned

    @classmethod
    def remembering(
        cls, points: Array, counts: Floats, batch_size: int, ratio: float, since: int
    ) -> "Centers":
        """Centers that have seen batches."""
        centers = cls(points, batch_size, ratio)
        centers.counts, centers.since = counts, since
        return centers

    def at(self, points: Array, reassignment_ratio: float) -> "Centers":
        """A copy that remembers the same and stands at these points."""
        return Centers.remembering(
            points, self.counts, self.batch_size, reassignment_ratio, self.since
        )

    def step(
        self,
        batch: AnyRows,
        algorithm: Algorithm,
        random: RandomState,
        verbose: bool = False,
        forgetting: float = 0.0,
    ) -> float:
        """Every center moves to the mean of all rows it was ever nearest to; the batch's objective.

        Rows of earlier batches count less by the share `forgetting` from batch to batch.
        """
        self.since += self.batch_size
        late = self.since >= 10 * len(self.points) or bool((self.counts == 0).any())
        self.since = 0 if late else self.since
        totals = algorithm.assign(batch, self.points, algorithm.start(batch, self.points))
        new = np.ldexp(totals.counts, batch.weight_exponent)
        self.counts = (1.0 - forgetting) * self.counts + new
        fed = new > 0
        share = (new[fed] / self.counts[fed])[:, None]
        mean = totals.sums[fed] / totals.counts[fed, None]
        moved = self.points.copy()
        moved[fed] = (1 - share) * self.points[fed] + share * mean
        self.points = moved
        if late and self.ratio > 0:
            self._reassign(batch, random, verbose)
        return totals.objective

    def _reassign(self, batch: AnyRows, random: RandomState, verbose: bool) -> None:
        """Centers that took in next to nothing jump to rows of the batch."""
        low = self.counts < self.ratio * self.counts.max()
        low[self.counts.argmax()] = False  # a ratio above 1 spares the heaviest
        rows = np.flatnonzero(batch.weight[: batch.n] > 0)
        if low.sum() > 0.5 * len(rows):
            # ties fall as in scikit-learn, which sorts the same numbers by the same method
            low[np.argsort(self.counts)[len(rows) // 2 :]] = False
        n_low = int(low.sum())
        if not n_low:
            return
        chosen = rows[random.choice(len(rows), replace=False, size=n_low)]
        if verbose:
            print(f"[MiniBatchKMeans] Reassigning {n_low} cluster centers.")
        self.points[low] = take(batch, chosen)
        self.counts = np.where(low, self.counts[~low].min(), self.counts)


class Stop(NamedTuple):
    """When mini-batches end."""

    n_rows: int
    n_steps: int
    tolerance: float  # on the sum of squared shifts, in the frame; 0 for never
    patience: int | None  # steps without a new minimum of the smoothed objective


class Course(NamedTuple):
    """What mini-batches have done."""

    history: list[float]  # objective of every batch a row, in the units of X
    smoothed: float  # the last smoothed one
    converged: bool


def run(
    centers: Centers,
    draw: Callable[[], AnyRows],
    algorithm: Algorithm,
    random: RandomState,
    stop: Stop,
    verbose: bool = False,
    watcher: Watcher | None = None,
    forgetting: float = 0.0,
) -> Course:
    """Steps with the batches that are drawn, until the centers or the objective come to rest."""
    watcher = watcher or Watcher()
    rate = min(1.0, 2 * centers.batch_size / (stop.n_rows + 1))
    history: list[float] = []
    smoothed, least, waited, converged = math.nan, math.inf, 0, False
    for step in range(1, stop.n_steps + 1):
        watcher.begin()
        batch, before = draw(), centers.points
        objective = centers.step(batch, algorithm, random, verbose, forgetting)
        history.append(scaled(objective, batch) / centers.batch_size)
        if step > 1:  # the first objective is that of the start
            old = history[-1] if step == 2 else smoothed
            smoothed = (1 - rate) * old + rate * history[-1]
        if verbose:
            print(
                f"Minibatch step {step}/{stop.n_steps}: mean batch inertia: {history[-1]}"
                + (f", ewa inertia: {smoothed}" if step > 1 else "")
            )
        if step > 1:
            moved_by = float(np.square(centers.points.astype(np.float64) - before).sum())
            waited = 0 if smoothed < least else waited + 1
            least = min(least, smoothed)
            reason = None
            if 0 < stop.tolerance >= moved_by:
                reason = "small centers change"
            elif stop.patience is not None and waited >= stop.patience:
                reason = "lack of improvement in inertia"
            if verbose and reason:
                print(f"Converged ({reason}) at step {step}/{stop.n_steps}")
            converged = reason is not None
        if watcher.end(centers.points) or converged:
            break
    return Course(history, smoothed if len(history) > 1 else history[-1], converged)
