"""A case made ready: rows, the start that all rivals are given, and what they hand back."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .cases import Case

SEED = 5


class CannotRun(Exception):
    """Why a rival cannot do what a case asks."""


class Task(NamedTuple):
    """What a rival prepares for."""

    case: Case
    X: Any  # (n, d)
    start: dict[str, Any]  # by scikit-learn's names; empty where rivals start by themselves
    threads: int


class Answer(NamedTuple):
    """What a rival found, for the judge."""

    centers: Any = None  # (k, d)
    mixture: tuple[Any, Any, Any] | None = None  # weights, means, covariances as scikit-learn's
    output: Any = None  # of a method that is not fit
    reported: float | None = None  # the objective the rival itself reports
    n_iter: int | None = None
    algorithm: str | None = None  # of fastmix's k-means, that did the passes,
    skipped: float | None = None  # and the share of the distances that it did not compute


class Job(NamedTuple):
    """A rival ready to run."""

    run: Callable[[], Any]  # all that is timed
    read: Callable[[Any], Answer]  # what came out of it, not timed
    note: str = ""  # where the rival does not do quite what it was asked


def task_of(case, threads):
    """The task of a case, the same in every process."""
    X = case.rows()
    return Task(case, X, _start(case, X), threads)


def _start(case, X):
    """Random rows as centers, for mixtures with equal weights and the variances of X / k^(2/d)."""
    if case.start == "own":
        return {}
    k, d = case.k, X.shape[1]
    rows = np.random.default_rng(SEED).choice(len(X), k, replace=False)
    centers = X[np.sort(rows)].copy()
    if case.estimator == "KMeans":
        return {"init": centers}
    if case.start == "means":
        return {"means_init": centers}
    precision = k ** (2 / d) / np.maximum(X.var(0), 1e-3)
    precisions = {
        "full": np.tile(np.diag(precision), (k, 1, 1)),
        "tied": np.diag(precision),
        "diag": np.tile(precision, (k, 1)),
        "spherical": np.full(k, precision.mean()),
    }[case.options.get("covariance_type", "full")]
    return {
        "weights_init": np.full(k, 1 / k, X.dtype),
        "means_init": centers,
        "precisions_init": precisions.astype(X.dtype),
    }
