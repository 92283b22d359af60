"""What a fit has done and how long it took, for those who ask why."""

import time
from itertools import groupby
from statistics import fmean
from typing import NamedTuple

from fastmix._threads import ANY_WORK, threads


class Seconds(NamedTuple):
    """Wall-clock seconds of a fit, by phase."""

    checks: float = 0.0  # of parameters, X and weights
    rows: float = 0.0  # measured; they are packed by whoever needs their tiles first
    starts: float = 0.0  # drawn, all of them
    passes: float = 0.0  # over the rows, of all runs
    results: float = 0.0  # made from the best run


class FitReport(NamedTuple):
    """What a fit has done, as ``fit_report_``; printing it tells it in words."""

    algorithms: tuple[str, ...]  # of every pass over the rows, in the run that was kept
    reason: str  # for the last of them
    skipped: list[float]  # share of the distances that every pass did without; empty: not counted
    seconds: Seconds
    n_threads: int  # at most; little work is done by one
    sent: tuple[
        int, ...
    ] = ()  # bytes of parameters, by every iteration over blocks of Dask in all runs
    received: tuple[int, ...] = ()  # bytes of totals that came back

    @property
    def passes(self) -> str:
        """How many were done by what, one after the other."""
        runs = ((name, len(list(run))) for name, run in groupby(self.algorithms))
        return ", then ".join(f"{n} by {name}" for name, n in runs)

    @property
    def share_skipped(self) -> float:
        """Mean of `skipped`; 0 where that was not counted."""
        return fmean(self.skipped) if self.skipped else 0.0

    def __str__(self) -> str:
        phases = ", ".join(
            f"{name} {value:.3g}" for name, value in self.seconds._asdict().items() if value
        )
        lines = [f"{sum(self.seconds):.3g} s on up to {self.n_threads} threads: {phases}."]
        if self.algorithms:
            lines.append(f"Passes of the run that was kept: {self.passes}; {self.reason}.")
        if any(self.skipped):
            lines.append(
                f"Distances not computed: {self.share_skipped:.1%} on average, {self.skipped[0]:.1%} in "
                f"the first pass, {max(self.skipped):.1%} at most."
            )
        if self.sent:
            lines.append(
                f"Rows stayed where they are: {len(self.sent)} passes sent at most {max(self.sent):,} bytes of "
                f"parameters each, and received {max(self.received):,} bytes of totals."
            )
        return "\n".join(lines)


class Log:
    """Writes down what a fit does. What has passed since the last lap belongs to the phase that ends."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(Seconds._fields, 0.0)
        self._last = time.perf_counter()
        self._passes: tuple[tuple[str, ...], str, list[float]] = (), "", []
        self._traffic: tuple[tuple[int, ...], ...] = (), ()

    def lap(self, phase: str) -> None:
        """A phase ends."""
        now = time.perf_counter()
        self._seconds[phase] += now - self._last
        self._last = now

    def kept(self, algorithms: tuple[str, ...], reason: str, skipped: list[float]) -> None:
        """The passes of the run that is kept."""
        self._passes = algorithms, reason, skipped

    def told(self, traffic: list[tuple[int, int]]) -> None:
        """What every pass has sent to where the rows are, and received."""
        self._traffic = tuple(zip(*traffic, strict=True)) if traffic else ((), ())

    def report(self, n_threads: int | None) -> FitReport:
        """The fit ends."""
        self.lap("results")
        n_threads, seconds = threads(n_threads, ANY_WORK), Seconds(**self._seconds)
        return FitReport(*self._passes, seconds, n_threads, *self._traffic)
