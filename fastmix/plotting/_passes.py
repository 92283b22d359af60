"""The passes of a fit, one by one, each done by the model itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from fastmix.plotting._geometry import Array, covariance_matrices

KMEANS = {"init", "n_init", "max_iter"}  # parameters by which it is told where to go on from
MIXTURE = {"warm_start", "n_init", "max_iter"}
OTHERS = {"batch_size", "bisecting_strategy"}  # of k-means that have no passes over all rows


class State(NamedTuple):
    """A model between two passes."""

    weights: Array  # (k,) of the components; of clusters, their share of the rows
    means: Array  # (k, d)
    matrices: Array | None  # (k, d, d) covariances; None of k-means
    resp: Array  # (m, k) responsibilities of the rows that are asked for; of k-means 0 or 1
    objective: float  # mean log-likelihood, or inertia


def passes(model: Any, X: ArrayLike, shown: Any, most: int) -> list[State]:
    """States of a fit of X from its start on, at most `most` passes; the model itself is not touched.

    Responsibilities are those of the rows `shown`.
    """
    asked = hasattr(model, "get_params") and not isinstance(model, type)
    known = set(model.get_params()) if asked else set()
    if known >= MIXTURE:
        states = _of_mixture(model, X, shown)
    elif known >= KMEANS and not known & OTHERS:
        states = _of_kmeans(model, X, shown)
    else:
        raise TypeError(
            f"model must be a KMeans or a mixture, whose passes can be done one by one, got "
            f"{type(model).__name__}; pass a KMeans with the same number of clusters."
        )
    with _unfinished():
        return [state for _, state in zip(range(most + 1), states, strict=False)]


@contextmanager
def _unfinished() -> Iterator[None]:
    """Context of fits that end early, and should."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _of_mixture(model: Any, X: ArrayLike, shown: Any) -> Iterator[State]:
    """By warm starts: every fit goes on where the last one ended, and does one pass."""
    going = clone(model).set_params(warm_start=True, n_init=1, max_iter=0)
    while True:
        going.fit(X)
        means = np.array(going.means_, np.float64)
        matrices = covariance_matrices(going.covariances_, going.covariance_type, *means.shape)
        resp = np.asarray(going.predict_proba(X)[shown], np.float64)
        weights = np.array(going.weights_, np.float64)
        yield State(weights, means, matrices, resp, float(going.score(X)))
        if going.converged_:
            return
        going.set_params(max_iter=1)


def _of_kmeans(model: Any, X: ArrayLike, shown: Any) -> Iterator[State]:
    """By explicit starts: every fit begins at the last centers, and does one pass.

    The first state are the seeds. scikit-learn does not tell which it has drawn: its first state is
    that after one pass.
    """
    going = clone(model).set_params(n_init=1, max_iter=1).fit(X)
    seeds = [each.seeds for each in getattr(going, "init_results_", ())]
    if not isinstance(model.init, str) and not callable(model.init):
        going.cluster_centers_ = np.array(model.init, going.cluster_centers_.dtype, order="C")
    elif seeds and seeds[0] is not None:
        going.cluster_centers_ = np.array(np.asarray(X)[seeds[0]], going.cluster_centers_.dtype)
    before = None
    while True:
        labels, centers = going.predict(X), np.array(going.cluster_centers_, np.float64)
        own = np.eye(len(centers))[labels[shown]]
        weights = np.bincount(labels, minlength=len(centers)) / len(labels)
        yield State(weights, centers, None, own, -float(going.score(X)))
        if before is not None and np.array_equal(labels, before):
            return
        before = labels
        going.set_params(init=going.cluster_centers_).fit(X)
