"""Matrices (..., d, d) to whitenings, and what is wrong where there is none."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, solve_triangular

from fastmix.engine.results import Floats, Indices

EPSILON = float(np.finfo(np.float64).eps)


class RunError(ValueError):
    """A run of EM cannot go on; from another start it may."""


class CollapseError(RunError):
    """A component has lost its volume."""

    def __init__(
        self,
        component: int | None,
        reason: str,
        matrix: Floats | None = None,
        text: str | None = None,
    ) -> None:
        super().__init__(reason if text is None else text)
        self.component = component  # None: the covariance that all components share
        self.reason = reason
        self.matrix = matrix  # (d, d) its covariance, if known


def symmetric(lower: Floats) -> Floats:
    """Symmetric matrices from their lower triangles."""
    return np.where(_triangle(lower.shape[-1]), lower, np.swapaxes(lower, -1, -2))


@cache
def _triangle(d: int) -> NDArray[np.bool_]:
    """True in the lower triangle (d, d), False above."""
    return np.tri(d, dtype=bool)


def refuse_flat(variances: Floats, least: Floats) -> None:
    """CollapseError of the first component (k, d) with a variance that is not above the least."""
    flat = variances <= least
    if flat.any():
        c = int(np.argmax(flat.any(axis=1)))
        smallest = float(variances[c][flat[c]].min())
        raise CollapseError(c, f"a variance of {smallest:.3g} is rounding")


def whitening(covariances: Floats) -> Floats:
    """Inverses of the Cholesky factors of matrices (k, d, d)."""
    L = _cholesky(covariances)
    # a pivot that is rounding error only stands for zero
    variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    relative = np.diagonal(L, axis1=-2, axis2=-1) ** 2 / variances
    least = relative.min(-1)
    if not np.all(least > L.shape[-1] * EPSILON):
        c = int(np.argmax(~(least > L.shape[-1] * EPSILON)))
        raise CollapseError(c, f"its smallest relative pivot is {least[c]:.3g}")
    return np.array([lapack.dtrtri(one, lower=1)[0] for one in L])


def _cholesky(covariances: Floats) -> Floats:
    """Cholesky factors of matrices (k, d, d)."""
    try:
        return np.asarray(np.linalg.cholesky(covariances), np.float64)
    except np.linalg.LinAlgError:
        c = next(c for c, one in enumerate(covariances) if not _definite(one))
        raise CollapseError(c, "its covariance is not positive definite") from None


def _definite(covariance: Floats) -> bool:
    """Has a matrix (d, d) a Cholesky factor?"""
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return False
    return True


def schur(
    covariances: Floats, known: Indices, rest: Indices, diff: Floats
) -> tuple[Floats, Floats]:
    """Regression of the rest on the known features diff (k, p): its shift (k, r) and what is left.

    With the known features first, the last block of the Cholesky factor is that of the Schur
    complement, which so cannot lose its sign to rounding.
    """
    order, p = np.concatenate([known, rest]), len(known)
    L = _cholesky(covariances[:, order[:, None], order])
    shift = np.stack(
        [
            one[p:, :p] @ solve_triangular(one[:p, :p], gap, lower=True)
            for one, gap in zip(L, diff, strict=True)
        ]
    )
    left = L[:, p:, p:]
    return shift, left @ np.swapaxes(left, -1, -2)
