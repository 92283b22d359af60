"""fastmix and scikit-learn side by side: the same model and the same rows, in turns."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import sklearn.cluster
import sklearn.mixture
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Array = NDArray[Any]
HEAD = (
    "fit",
    "n",
    "d",
    "k",
    "fastmix s",
    "sklearn s",
    "ratio",
    "objective",
    "sklearn's",
    "same labels",
)


class Line(NamedTuple):
    """One line of a table; what was not compared is NaN."""

    name: str
    n: int
    d: int
    k: int
    seconds: float
    peer_seconds: float
    objective: float  # inertia, or mean log-likelihood
    peer_objective: float
    agreement: float  # share of rows with the same label

    @property
    def ratio(self) -> float:
        """How many times as long scikit-learn takes."""
        return self.peer_seconds / self.seconds


def in_turns(
    jobs: Sequence[Callable[[], object]], rounds: int, enough_seconds: float
) -> list[float]:
    """Median seconds of every job, each done once in every round; fewer rounds when they take long.

    In turns, because a machine is busier in one minute than in the next.
    """
    seconds: list[list[float]] = [[] for _ in jobs]
    while not seconds[0] or (len(seconds[0]) < rounds and sum(map(sum, seconds)) < enough_seconds):
        for job, took in zip(jobs, seconds, strict=True):
            began = time.perf_counter()
            job()
            took.append(time.perf_counter() - began)
    return [float(np.median(took)) for took in seconds]


def twin(model: Any) -> Any:
    """scikit-learn's estimator with the same parameters."""
    cls = getattr(sklearn.cluster, type(model).__name__, None) or getattr(
        sklearn.mixture, type(model).__name__
    )
    names = cls().get_params()
    chosen = {name: value for name, value in model.get_params().items() if name in names}
    if "algorithm" in chosen:
        chosen["algorithm"] = "lloyd"
    return cls(**chosen)


def objective(model: Any) -> float:
    """What a fit minimises (inertia) or maximises (mean log-likelihood)."""
    return float(model.inertia_ if hasattr(model, "inertia_") else model.lower_bound_)


def compare(
    name: str, verb: str, model: Any, peer: Any, X: Array, rounds: int, enough_seconds: float
) -> Line:
    """The line of two fitted models that fit, or predict, as `verb` says, in turns; `peer` may be None.

    Both have been fitted before, so that nothing is compiled.
    """
    both = [model] if peer is None else [model, peer]
    calls = [partial(getattr(each, verb), X) for each in both]
    seconds = in_turns(calls, rounds, enough_seconds)
    (n, d), k = X.shape, model.get_params().get("n_clusters") or model.n_components
    if peer is None:
        return Line(name, n, d, k, seconds[0], np.nan, objective(model), np.nan, np.nan)
    same = agreement(model.predict(X), peer.predict(X), k)
    ours, theirs = seconds
    return Line(name, n, d, k, ours, theirs, objective(model), objective(peer), same)


def agreement(labels: Array, others: Array, k: int) -> float:
    """Share of rows with the same label, once clusters are given the names under which they agree best."""
    together = np.bincount(labels.astype(np.int64) * k + others, minlength=k * k).reshape(k, k)
    return float(together[linear_sum_assignment(-together)].sum() / len(labels))


def cells(line: Line) -> tuple[str, ...]:
    """The texts of one line, under HEAD."""

    def text(value: float, form: str) -> str:
        return "-" if np.isnan(value) else format(value, form)

    return (
        line.name,
        f"{line.n:,}",
        str(line.d),
        str(line.k),
        text(line.seconds, ".4f"),
        text(line.peer_seconds, ".4f"),
        text(line.ratio, ".1f"),
        text(line.objective, ".6g"),
        text(line.peer_objective, ".6g"),
        text(line.agreement, ".2%"),
    )
