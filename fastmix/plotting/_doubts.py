"""How much in doubt the component of a row is, as numbers between 0 and 1."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastmix.plotting._geometry import Array


def uncertainty(resp: Array) -> Array:
    """Probability (n,) that a row is not of its most probable component, from responsibilities (n, k).

    It is the sum of the others: tiny values are not lost in a difference from 1.
    """
    others = np.array(resp, dtype=np.float64)
    np.put_along_axis(others, others.argmax(1)[:, None], 0.0, axis=1)
    return np.asarray(others.sum(1))


def closeness(dist: Array) -> Array:
    """How near (n,) a row is to having two nearest centers, from distances (n, k) to all of them.

    a^2 / (a^2 + b^2) of the distances a to the nearest and b to the second nearest: 0 at a center, 1/2
    half-way between two. Fuzzy c-means of these two would have it as the membership in the second
    (Bezdek 1981, doi:10.1007/978-1-4757-0450-1, with m = 2).
    """
    if dist.shape[1] < 2:
        return np.zeros(len(dist))
    nearest, second = np.partition(np.asarray(dist, np.float64), 1, axis=1)[:, :2].T
    ratio = np.where(second > 0, nearest / np.where(second > 0, second, 1.0), 1.0)
    return np.asarray(ratio**2 / (1.0 + ratio**2))


def doubts(model: Any, X: ArrayLike) -> tuple[Array, str]:
    """One of these for every row, by what the fitted model can tell, and what it is called."""
    if hasattr(model, "predict_proba"):
        return uncertainty(model.predict_proba(X)), "uncertainty: 1 - largest responsibility"
    return closeness(model.transform(X)), "closeness to a second center: a² / (a² + b²)"
