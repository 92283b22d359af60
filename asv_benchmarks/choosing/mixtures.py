"""Rows whose number of components is known."""

from typing import NamedTuple

import numpy as np

TYPES = ("full", "tied", "diag", "spherical")  # that scikit-learn has too
NEAREST = 3.5  # standard deviations, at least, between two centers: neighbours overlap


class Generated(NamedTuple):
    """Rows drawn from a mixture."""

    X: np.ndarray  # (n, d)
    k: int
    covariance_type: str


def generated(seed, n):
    """n rows of 2 to 8 features from 2 to 8 components of unequal weights, of one of the four shapes."""
    rng = np.random.default_rng(seed)
    d, k = rng.integers(2, 9, 2)
    covariance_type = TYPES[seed % len(TYPES)]
    shapes = _shapes(rng, covariance_type, k, d)
    centers = _apart(rng, k, d)
    labels = rng.choice(k, n, p=0.3 / k + 0.7 * rng.dirichlet(np.full(k, 3.0)))
    X = np.einsum("nij,nj->ni", shapes[labels], rng.standard_normal((n, d))) + centers[labels]
    return Generated(X, int(k), covariance_type)


def _shapes(rng, covariance_type, k, d):
    """Square roots (k, d, d) of covariances, of widths from 0.5 to 1.5."""
    if covariance_type == "spherical":
        return rng.uniform(0.5, 1.5, (k, 1, 1)) * np.eye(d)
    if covariance_type == "diag":
        return rng.uniform(0.5, 1.5, (k, 1, d)) * np.eye(d)
    turned = np.linalg.qr(rng.standard_normal((k, d, d)))[0] * rng.uniform(0.5, 1.5, (k, 1, d))
    return turned[np.zeros(k, int)] if covariance_type == "tied" else turned


def _apart(rng, k, d):
    """Centers (k, d), none too near to another."""
    centers = []
    while len(centers) < k:
        one = rng.uniform(-5.0, 5.0, d)
        if all(np.linalg.norm(one - other) > NEAREST for other in centers):
            centers.append(one)
    return np.array(centers)
