"""The covariance types by name. Nothing else in the package asks which type a mixture has.

A type knows its shapes, its kernels, how its covariances follow from second moments, and how a
covariance becomes a whitening and back. Shapes, with k components and d features:

    type            covariances   factor (whitening)
    full            (k, d, d)     (k, d, d)  W lower triangular, W cov W' = 1
    tied            (d, d)        (d, d)     one W for all components
    diag            (k, d)        (k, d)     1 / standard deviation
    spherical       (k,)          (k,)       1 / standard deviation
    tied_diag       (d,)          (d,)       1 / standard deviation, for all components
    tied_spherical  ()            ()         one number

scikit-learn's `precisions_cholesky_` is W' for the first two and the factor itself for the others.
The last two are not scikit-learn's.
"""

from functools import cache
from typing import Protocol

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.linalg import lapack, solve_triangular

from fastmix.engine.results import Array, Floats
from fastmix.kernels import diag, full, spherical, tied, tied_diag, tied_spherical
from fastmix.kernels.expectation import Passes

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


class Covariance(Protocol):
    """What every type can do."""

    kernels: Passes
    precision_name: str  # in messages
    covariance_kind: str  # what covariances have to be
    untied: str | None  # where scikit-learn lacks the type: its type with k covariances

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        """Shape of the covariances, and of the precisions."""

    def scatter_shape(self, k: int, d: int) -> tuple[int, ...]:
        """Shape of the second moments that the kernels add up."""

    def n_parameters(self, k: int, d: int) -> int:
        """Free parameters of the covariances."""

    def work(self, k: int, d: int) -> float:
        """Floating-point operations of one EM pass, a row."""

    def recentre(self, scatter: Floats, counts: Floats, shift: Floats, offset: Floats) -> Floats:
        """Second moments about origin + shift + offset, from those about origin.

        shift (k, d) leads to the exact mean of the rows, so the cross terms are those of shift alone.
        """

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        """Covariances from second moments about the means, reg_covar added to the variances."""

    def prior_shape(self, d: int) -> tuple[int, ...]:
        """Shape of what a Bayesian mixture believes of every component's covariance."""

    def posterior(
        self,
        covariances: Floats,
        counts: Floats,
        gap: Floats,
        prior: Floats,
        degrees_of_freedom: float,
    ) -> tuple[Floats, Floats]:
        """Expected covariances, and degrees of freedom (k,) or (), of the Wishart posterior.

        gap (k, d) leads from the prior's mean to those of the rows, times the square root of
        their joint mean precision: what it adds to the spread.
        """

    def sq_distances(self, factor: Floats, scatter: Floats) -> float:
        """Sum of squared Mahalanobis distances of the rows, from their second moments."""

    def widened(self, scatter: Floats, counts: Floats, c: int | None, amount: float) -> Floats:
        """Second moments of components of weights counts, the variances of c raised by amount."""

    def factor(self, covariances: Floats) -> Floats:
        """Whitening of the covariances; CollapseError where there is none."""

    def refuse_flat(self, covariances: Floats, least: Floats) -> None:
        """CollapseError where variances are not above `least` (k, d)."""

    def log_det(self, factor: Floats, k: int, d: int) -> Floats:
        """Log-determinant of the whitening of every component, (k,)."""

    def to_chol(self, factor: Floats) -> Floats:
        """`precisions_cholesky_` from a whitening."""

    def from_chol(self, chol: Floats) -> Floats:
        """Whitening from `precisions_cholesky_`."""

    def from_precisions(self, precisions: Floats) -> Floats:
        """Whitening from precisions; ValueError where they are none."""

    def from_covariances(self, covariances: Floats) -> Floats:
        """Whitening from covariances of the caller's; ValueError where they are none."""

    def whiten(self, factor: Floats, c: int, diff: Floats) -> Floats:
        """Rows (m, d) less the mean of component c, in its standard deviations."""

    def stretch(self, before: Floats, after: Floats) -> tuple[Floats, Floats]:
        """Least and greatest factor between whitened lengths of the same vector, (k,) or ()."""

    def precisions(self, factor: Floats) -> Floats:
        """Precisions of a whitening."""

    def invert(self, factor: Floats) -> Floats:
        """Covariances of a whitening."""

    def to_full(self, covariances: Floats, k: int, d: int) -> Floats:
        """Covariances as matrices, (k, d, d)."""

    def least_variance(self, covariances: Floats) -> float:
        """Smallest variance of any component in any direction."""

    def to_vector(self, covariances: Floats) -> Floats:
        """Free numbers that give covariances whatever they are: log-Cholesky, flat (p,)."""

    def from_vector(self, vector: Floats, k: int, d: int) -> Floats:
        """Covariances from their free numbers."""

    def marginal(self, covariances: Floats, dims: NDArray[np.int64]) -> Floats:
        """Covariances of the features dims (m,) alone."""

    def conditional(
        self,
        covariances: Floats,
        known: NDArray[np.int64],
        rest: NDArray[np.int64],
        diff: Floats,
    ) -> tuple[Floats, Floats]:
        """How far the means of the rest move, (k, len(rest)), and its covariances.

        diff (k, len(known)) is the known features' distance from the means.
        """

    def draw(self, random: RandomState, means: Array, covariances: Array, counts: Array) -> Array:
        """counts[c] random rows of every component c, (sum, d), in scikit-learn's order of draws."""


class Full:
    """Every component has a covariance matrix of its own."""

    kernels = full.PASSES
    precision_name = "full precision"
    covariance_kind = "symmetric, positive-definite"
    untied: str | None = None

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d, d)

    def scatter_shape(self, k: int, d: int) -> tuple[int, ...]:
        return self.shape(k, d)

    def n_parameters(self, k: int, d: int) -> int:
        return k * d * (d + 1) // 2

    def work(self, k: int, d: int) -> float:
        return 2.0 * k * d * (d + 3)

    def recentre(self, scatter: Floats, counts: Floats, shift: Floats, offset: Floats) -> Floats:
        outer = offset[:, :, None] * offset[:, None, :] - shift[:, :, None] * shift[:, None, :]
        return scatter + counts[:, None, None] * outer

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        return _symmetric(scatter) / counts[:, None, None] + reg_covar * np.eye(scatter.shape[-1])

    def prior_shape(self, d: int) -> tuple[int, ...]:
        return (d, d)

    def posterior(
        self,
        covariances: Floats,
        counts: Floats,
        gap: Floats,
        prior: Floats,
        degrees_of_freedom: float,
    ) -> tuple[Floats, Floats]:
        freedom = degrees_of_freedom + counts
        own = (counts / freedom)[:, None, None] * covariances
        believed = prior + gap[:, :, None] * gap[:, None, :]
        return own + believed / freedom[:, None, None], freedom

    def sq_distances(self, factor: Floats, scatter: Floats) -> float:
        return float((self.precisions(factor) * _symmetric(scatter)).sum())

    def widened(self, scatter: Floats, counts: Floats, c: int | None, amount: float) -> Floats:
        moved = scatter.copy()
        moved[c] += counts[c] * amount * np.eye(scatter.shape[-1])
        return moved

    def factor(self, covariances: Floats) -> Floats:
        return _whitening(covariances)

    def refuse_flat(self, covariances: Floats, least: Floats) -> None:
        _refuse_flat(np.diagonal(covariances, axis1=1, axis2=2), least)

    def log_det(self, factor: Floats, k: int, d: int) -> Floats:
        diagonal = np.diagonal(factor, axis1=-2, axis2=-1)
        return np.broadcast_to(np.log(diagonal).sum(-1), (k,))

    def to_chol(self, factor: Floats) -> Floats:
        return np.swapaxes(factor, -1, -2)

    def from_chol(self, chol: Floats) -> Floats:
        factor = np.swapaxes(chol, -1, -2)
        if np.array_equal(factor, np.tril(factor)):
            return factor
        # set by hand from a lower triangle, say: any U with U U' = precision will do
        return self.from_precisions(chol @ factor)

    def from_precisions(self, precisions: Floats) -> Floats:
        symmetric = np.allclose(precisions, np.swapaxes(precisions, -1, -2))
        if not symmetric or np.any(np.linalg.eigvalsh(precisions) <= 0.0):
            raise ValueError(f"'{self.precision_name}' should be symmetric, positive-definite")
        # precision = U U' with U upper: the Cholesky factor of the matrix turned by half
        turned = np.linalg.cholesky(precisions[..., ::-1, ::-1])
        factor: Floats = np.swapaxes(turned[..., ::-1, ::-1], -1, -2)
        return factor

    def from_covariances(self, covariances: Floats) -> Floats:
        if not np.allclose(covariances, np.swapaxes(covariances, -1, -2)):
            raise ValueError("got a matrix that is not symmetric")
        return _factor_given(self, covariances)

    def whiten(self, factor: Floats, c: int, diff: Floats) -> Floats:
        return diff @ factor[c].T

    def stretch(self, before: Floats, after: Floats) -> tuple[Floats, Floats]:
        change = after @ np.linalg.inv(before)
        squares = np.linalg.eigvalsh(np.swapaxes(change, -1, -2) @ change)
        slack = len(change.T) * EPSILON * squares[..., -1]
        least, greatest = squares[..., 0] - slack, squares[..., -1] + slack
        return np.sqrt(np.maximum(least, 0.0)), np.sqrt(greatest)

    def precisions(self, factor: Floats) -> Floats:
        return np.swapaxes(factor, -1, -2) @ factor

    def invert(self, factor: Floats) -> Floats:
        L = np.linalg.inv(factor)
        return np.asarray(L @ np.swapaxes(L, -1, -2), np.float64)

    def to_full(self, covariances: Floats, k: int, d: int) -> Floats:
        return covariances

    def least_variance(self, covariances: Floats) -> float:
        return float(np.linalg.eigvalsh(covariances).min())

    def to_vector(self, covariances: Floats) -> Floats:
        L = np.linalg.cholesky(covariances)
        lower, diagonal = np.tril_indices(L.shape[-1], -1), np.diagonal(L, axis1=-2, axis2=-1)
        return np.concatenate([np.log(diagonal).ravel(), L[..., lower[0], lower[1]].ravel()])

    def from_vector(self, vector: Floats, k: int, d: int) -> Floats:
        L = np.zeros(self.shape(k, d))
        n_diagonal, lower, each = L.size // d, np.tril_indices(d, -1), np.arange(d)
        L[..., each, each] = np.exp(vector[:n_diagonal]).reshape(*L.shape[:-2], d)
        L[..., lower[0], lower[1]] = vector[n_diagonal:].reshape(*L.shape[:-2], -1)
        return np.asarray(L @ np.swapaxes(L, -1, -2))

    def marginal(self, covariances: Floats, dims: NDArray[np.int64]) -> Floats:
        return covariances[..., dims[:, None], dims]

    def conditional(
        self,
        covariances: Floats,
        known: NDArray[np.int64],
        rest: NDArray[np.int64],
        diff: Floats,
    ) -> tuple[Floats, Floats]:
        return _schur(covariances, known, rest, diff)

    def draw(self, random: RandomState, means: Array, covariances: Array, counts: Array) -> Array:
        matrices = self.to_full(covariances, *means.shape)
        parts = [
            random.multivariate_normal(mean, matrix, int(m))
            for mean, matrix, m in zip(means, matrices, counts, strict=True)
        ]
        return np.vstack(parts)


class Tied(Full):
    """All components share one covariance matrix."""

    kernels = tied.PASSES
    precision_name = "tied precision"

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (d, d)

    def n_parameters(self, k: int, d: int) -> int:
        return d * (d + 1) // 2

    def recentre(self, scatter: Floats, counts: Floats, shift: Floats, offset: Floats) -> Floats:
        weighted = counts[:, None]
        return scatter + (weighted * offset).T @ offset - (weighted * shift).T @ shift

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        return _symmetric(scatter) / counts.sum() + reg_covar * np.eye(len(scatter))

    def posterior(
        self,
        covariances: Floats,
        counts: Floats,
        gap: Floats,
        prior: Floats,
        degrees_of_freedom: float,
    ) -> tuple[Floats, Floats]:
        # one Wishart distribution that sees a component's average share of the rows
        k, share = len(counts), (counts / len(counts)).sum()
        freedom = np.asarray(degrees_of_freedom + share)
        return covariances * (share / freedom) + (prior + gap.T @ gap / k) / freedom, freedom

    def widened(self, scatter: Floats, counts: Floats, c: int | None, amount: float) -> Floats:
        return scatter + counts.sum() * amount * np.eye(len(scatter))

    def refuse_flat(self, covariances: Floats, least: Floats) -> None:
        _refuse_flat_for_all(np.diagonal(covariances), least.max(0))

    def whiten(self, factor: Floats, c: int, diff: Floats) -> Floats:
        return diff @ factor.T

    def to_full(self, covariances: Floats, k: int, d: int) -> Floats:
        return np.broadcast_to(covariances, (k, d, d))


class Diag:
    """Features are uncorrelated within a component."""

    kernels = diag.PASSES
    precision_name = "diag precision"
    covariance_kind = "positive"
    untied: str | None = None

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d)

    def scatter_shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d)

    def n_parameters(self, k: int, d: int) -> int:
        return k * d

    def work(self, k: int, d: int) -> float:
        return 8.0 * k * d

    def recentre(self, scatter: Floats, counts: Floats, shift: Floats, offset: Floats) -> Floats:
        moved = scatter + counts[:, None] * (offset * offset - shift * shift)
        return np.maximum(moved, 0.0)  # rounding must not make a variance negative

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        return scatter / counts[:, None] + reg_covar

    def prior_shape(self, d: int) -> tuple[int, ...]:
        return (d,)

    def posterior(
        self,
        covariances: Floats,
        counts: Floats,
        gap: Floats,
        prior: Floats,
        degrees_of_freedom: float,
    ) -> tuple[Floats, Floats]:
        freedom = degrees_of_freedom + counts
        own = (counts / freedom)[:, None] * covariances
        return own + (prior + gap * gap) / freedom[:, None], freedom

    def sq_distances(self, factor: Floats, scatter: Floats) -> float:
        return float((self.precisions(factor) * scatter).sum())

    def widened(self, scatter: Floats, counts: Floats, c: int | None, amount: float) -> Floats:
        moved = scatter.copy()
        moved[c] += counts[c] * amount
        return moved

    def factor(self, covariances: Floats) -> Floats:
        least = covariances.reshape(len(covariances), -1).min(1)
        if not np.all(least > 0.0):
            c = int(np.argmin(least > 0.0))
            raise CollapseError(c, f"its smallest variance is {least[c]:.3g}")
        return 1.0 / np.sqrt(covariances)

    def refuse_flat(self, covariances: Floats, least: Floats) -> None:
        _refuse_flat(covariances, least)

    def log_det(self, factor: Floats, k: int, d: int) -> Floats:
        return np.log(factor).sum(1)

    def to_chol(self, factor: Floats) -> Floats:
        return factor

    def from_chol(self, chol: Floats) -> Floats:
        return chol

    def from_precisions(self, precisions: Floats) -> Floats:
        if np.any(precisions <= 0.0):
            raise ValueError(f"'{self.precision_name}' should be positive")
        return np.sqrt(precisions)

    def from_covariances(self, covariances: Floats) -> Floats:
        return _factor_given(self, covariances)

    def whiten(self, factor: Floats, c: int, diff: Floats) -> Floats:
        return diff * factor[c]

    def stretch(self, before: Floats, after: Floats) -> tuple[Floats, Floats]:
        change = (after / before).reshape(len(after), -1)
        return change.min(1), change.max(1)

    def precisions(self, factor: Floats) -> Floats:
        return factor * factor

    def invert(self, factor: Floats) -> Floats:
        return 1.0 / (factor * factor)

    def to_full(self, covariances: Floats, k: int, d: int) -> Floats:
        return covariances[:, :, None] * np.eye(d)

    def least_variance(self, covariances: Floats) -> float:
        return float(covariances.min())

    def to_vector(self, covariances: Floats) -> Floats:
        return 0.5 * np.log(covariances).ravel()

    def from_vector(self, vector: Floats, k: int, d: int) -> Floats:
        return np.exp(2.0 * vector).reshape(self.shape(k, d))

    def marginal(self, covariances: Floats, dims: NDArray[np.int64]) -> Floats:
        return covariances[..., dims]

    def conditional(
        self,
        covariances: Floats,
        known: NDArray[np.int64],
        rest: NDArray[np.int64],
        diff: Floats,
    ) -> tuple[Floats, Floats]:
        return np.zeros((len(diff), len(rest))), self.marginal(covariances, rest)

    def draw(self, random: RandomState, means: Array, covariances: Array, counts: Array) -> Array:
        parts = [
            mean + random.standard_normal(size=(m, len(mean))) * np.sqrt(variances)
            for mean, variances, m in zip(means, covariances, counts, strict=True)
        ]
        return np.vstack(parts)


class Spherical(Diag):
    """Every component has one variance for all features."""

    kernels = spherical.PASSES
    precision_name = "spherical precision"

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k,)

    def n_parameters(self, k: int, d: int) -> int:
        return k

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        return super().covariances(scatter, counts, reg_covar).mean(1)

    def prior_shape(self, d: int) -> tuple[int, ...]:
        return ()

    def posterior(
        self,
        covariances: Floats,
        counts: Floats,
        gap: Floats,
        prior: Floats,
        degrees_of_freedom: float,
    ) -> tuple[Floats, Floats]:
        freedom = degrees_of_freedom + counts
        believed = prior + (gap * gap).mean(1)
        return (counts / freedom) * covariances + believed / freedom, freedom

    def sq_distances(self, factor: Floats, scatter: Floats) -> float:
        return super().sq_distances(factor[:, None], scatter)

    def refuse_flat(self, covariances: Floats, least: Floats) -> None:
        _refuse_flat(covariances[:, None], least.mean(1)[:, None])

    def log_det(self, factor: Floats, k: int, d: int) -> Floats:
        return d * np.log(factor)

    def to_full(self, covariances: Floats, k: int, d: int) -> Floats:
        return covariances[:, None, None] * np.eye(d)

    def marginal(self, covariances: Floats, dims: NDArray[np.int64]) -> Floats:
        return covariances


class TiedDiag(Diag):
    """Features are uncorrelated, and all components share their variances: mclust's model EEI."""

    kernels = tied_diag.PASSES
    precision_name = "tied_diag precision"
    untied: str | None = "diag"

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (d,)

    def scatter_shape(self, k: int, d: int) -> tuple[int, ...]:
        return (d,)

    def n_parameters(self, k: int, d: int) -> int:
        return d

    def recentre(self, scatter: Floats, counts: Floats, shift: Floats, offset: Floats) -> Floats:
        moved = scatter + counts @ (offset * offset - shift * shift)
        return np.maximum(moved, 0.0)  # rounding must not make a variance negative

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        return scatter / counts.sum() + reg_covar

    def posterior(
        self,
        covariances: Floats,
        counts: Floats,
        gap: Floats,
        prior: Floats,
        degrees_of_freedom: float,
    ) -> tuple[Floats, Floats]:
        # one Wishart distribution that sees a component's average share of the rows, as for Tied
        share = (counts / len(counts)).sum()
        freedom = np.asarray(degrees_of_freedom + share)
        believed = prior + self._per_variance(np.square(gap).mean(0))
        return covariances * (share / freedom) + believed / freedom, freedom

    def widened(self, scatter: Floats, counts: Floats, c: int | None, amount: float) -> Floats:
        return scatter + counts.sum() * amount

    def factor(self, covariances: Floats) -> Floats:
        if not np.all(covariances > 0.0):
            raise CollapseError(None, f"its smallest variance is {np.min(covariances):.3g}")
        return 1.0 / np.sqrt(covariances)

    def refuse_flat(self, covariances: Floats, least: Floats) -> None:
        _refuse_flat_for_all(covariances, self._per_variance(least.max(0)))

    def log_det(self, factor: Floats, k: int, d: int) -> Floats:
        return np.broadcast_to(np.broadcast_to(np.log(factor), d).sum(), k)

    def whiten(self, factor: Floats, c: int, diff: Floats) -> Floats:
        return diff * factor

    def stretch(self, before: Floats, after: Floats) -> tuple[Floats, Floats]:
        change = after / before
        return np.asarray(change.min()), np.asarray(change.max())

    def to_full(self, covariances: Floats, k: int, d: int) -> Floats:
        return np.broadcast_to(covariances * np.eye(d), (k, d, d))

    def draw(self, random: RandomState, means: Array, covariances: Array, counts: Array) -> Array:
        return super().draw(random, means, np.broadcast_to(covariances, means.shape), counts)

    def _per_variance(self, by_feature: Floats) -> Floats:
        """Mean of numbers (d,) over the features that a variance is of."""
        return by_feature


class TiedSpherical(TiedDiag):
    """One variance for all features of all components, as k-means has it: mclust's model EII."""

    kernels = tied_spherical.PASSES
    precision_name = "tied_spherical precision"
    untied: str | None = "spherical"

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return ()

    def n_parameters(self, k: int, d: int) -> int:
        return 1

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        return self._per_variance(super().covariances(scatter, counts, reg_covar))

    def prior_shape(self, d: int) -> tuple[int, ...]:
        return ()

    def marginal(self, covariances: Floats, dims: NDArray[np.int64]) -> Floats:
        return covariances

    def _per_variance(self, by_feature: Floats) -> Floats:
        return np.asarray(by_feature.mean())


def _symmetric(lower: Floats) -> Floats:
    """Symmetric matrices from their lower triangles."""
    return np.where(_triangle(lower.shape[-1]), lower, np.swapaxes(lower, -1, -2))


@cache
def _triangle(d: int) -> NDArray[np.bool_]:
    """True in the lower triangle (d, d), False above."""
    return np.tri(d, dtype=bool)


def _refuse_flat(variances: Floats, least: Floats) -> None:
    """CollapseError of the first component (k, d) with a variance that is not above the least."""
    flat = variances <= least
    if flat.any():
        c = int(np.argmax(flat.any(axis=1)))
        smallest = float(variances[c][flat[c]].min())
        raise CollapseError(c, f"a variance of {smallest:.3g} is rounding")


def _refuse_flat_for_all(variances: Floats, least: Floats) -> None:
    """The same of variances (d,) or () that all components share."""
    try:
        _refuse_flat(np.reshape(variances, (1, -1)), np.reshape(least, (1, -1)))
    except CollapseError as error:
        raise CollapseError(None, error.reason) from None


def _whitening(covariances: Floats) -> Floats:
    """Inverses of the Cholesky factors of matrices (k, d, d), or of one (d, d) for all components."""
    L = _cholesky(covariances)
    # a pivot that is rounding error only stands for zero
    variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    relative = np.diagonal(L, axis1=-2, axis2=-1) ** 2 / variances
    least = relative.min(-1)
    if not np.all(least > L.shape[-1] * EPSILON):
        c = int(np.argmax(~(least > L.shape[-1] * EPSILON)))
        reason = f"its smallest relative pivot is {least.ravel()[c]:.3g}"
        raise CollapseError(c if L.ndim > 2 else None, reason)
    return np.array([lapack.dtrtri(one, lower=1)[0] for one in _each(L)]).reshape(L.shape)


def _each(matrices: Floats) -> Floats:
    """Matrices (k, d, d), or one (d, d), as (k or 1, d, d)."""
    return matrices.reshape(-1, *matrices.shape[-2:])


def _factor_given(covariance: Covariance, covariances: Floats) -> Floats:
    """Whitening of covariances of the caller's; the error says which of them has none."""
    try:
        return covariance.factor(covariances)
    except CollapseError as error:
        which = "" if error.component is None else f"of component {error.component} "
        raise ValueError(f"what is given {which}is not: {error.reason}") from None


def _cholesky(covariances: Floats) -> Floats:
    """Cholesky factors of matrices (k, d, d), or of one (d, d) for all components."""
    try:
        return np.asarray(np.linalg.cholesky(covariances), np.float64)
    except np.linalg.LinAlgError:
        c = next(c for c, one in enumerate(_each(covariances)) if not _definite(one))
        component = c if covariances.ndim > 2 else None
        raise CollapseError(component, "its covariance is not positive definite") from None


def _definite(covariance: Floats) -> bool:
    """Has a matrix (d, d) a Cholesky factor?"""
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return False
    return True


def _schur(
    covariances: Floats, known: NDArray[np.int64], rest: NDArray[np.int64], diff: Floats
) -> tuple[Floats, Floats]:
    """Regression of the rest on the known features diff (k, p): its shift (k, r) and what is left.

    With the known features first, the last block of the Cholesky factor is that of the Schur
    complement, which so cannot lose its sign to rounding.
    """
    order, p = np.concatenate([known, rest]), len(known)
    L = _cholesky(covariances[..., order[:, None], order])
    each = np.broadcast_to(L, (len(diff), *L.shape[-2:]))
    shift = np.stack(
        [
            one[p:, :p] @ solve_triangular(one[:p, :p], gap, lower=True)
            for one, gap in zip(each, diff, strict=True)
        ]
    )
    left = L[..., p:, p:]
    return shift, left @ np.swapaxes(left, -1, -2)


COVARIANCES: dict[str, Covariance] = {
    "full": Full(),
    "tied": Tied(),
    "diag": Diag(),
    "spherical": Spherical(),
    "tied_diag": TiedDiag(),
    "tied_spherical": TiedSpherical(),
}
