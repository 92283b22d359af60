"""The covariance types by name. Nothing else in the package asks which type a mixture has.

A type knows its shapes, its kernels, how its covariances follow from second moments, and how a
covariance becomes a whitening and back. A covariance that all components share is that of a mixture
of one component. Shapes, with k components and d features:

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

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.random import RandomState

from fastmix.engine.covariance import Covariance
from fastmix.engine.results import Array, Floats, Indices, Wishart
from fastmix.engine.whitening import (
    EPSILON,
    CollapseError,
    refuse_flat,
    schur,
    symmetric,
    whitening,
)


class Full:
    """Every component has a covariance matrix of its own."""

    module = "full"
    covariance_kind = "symmetric, positive-definite"
    untied: str | None = None

    def __init__(self, name: str) -> None:
        self.precision_name = f"{name} precision"

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d, d)

    def scatter_shape(self, k: int, d: int) -> tuple[int, ...]:
        return self.shape(k, d)

    def moments(self, share: Floats, away: Floats) -> Floats:
        return np.asarray(np.einsum("nk,kni,knj->kij", share, away, away))

    def n_parameters(self, k: int, d: int) -> int:
        return k * d * (d + 1) // 2

    def work(self, k: int, d: int) -> float:
        return 2.0 * k * d * (d + 3)

    def change(self, counts: Floats, shift: Floats, offset: Floats) -> Floats:
        outer = offset[:, :, None] * offset[:, None, :] - shift[:, :, None] * shift[:, None, :]
        return counts[:, None, None] * outer

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        return symmetric(scatter) / counts[:, None, None] + reg_covar * np.eye(scatter.shape[-1])

    def scatter(self, covariances: Floats, counts: Floats, d: int) -> Floats:
        return np.asarray(counts[:, None, None] * covariances)

    def prior_shape(self, d: int) -> tuple[int, ...]:
        return (d, d)

    def posterior(
        self, covariances: Floats, counts: Floats, gap: Floats, prior: Wishart
    ) -> tuple[Floats, Floats]:
        freedom = prior.degrees_of_freedom + counts
        own = (counts / freedom)[:, None, None] * covariances
        believed = prior.covariance + gap[:, :, None] * gap[:, None, :]
        return own + believed / freedom[:, None, None], freedom

    def sq_distances(self, factor: Floats, scatter: Floats) -> float:
        # in this order: a precision may overflow, and the scatter be zero
        return float((factor @ symmetric(scatter) * factor).sum())

    def widened(self, scatter: Floats, counts: Floats, c: int | None, amount: float) -> Floats:
        moved = scatter.copy()
        moved[c] += counts[c] * amount * np.eye(scatter.shape[-1])
        return moved

    def factor(self, covariances: Floats) -> Floats:
        return whitening(covariances)

    def refuse_flat(self, covariances: Floats, least: Floats) -> None:
        refuse_flat(np.diagonal(covariances, axis1=1, axis2=2), least)

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

    def refuse(self, covariances: Floats) -> None:
        if not np.allclose(covariances, np.swapaxes(covariances, -1, -2)):
            raise ValueError(
                "got a matrix that is not symmetric. Give the whole matrix, not one triangle of it."
            )

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

    def marginal(self, covariances: Floats, dims: Indices) -> Floats:
        return covariances[..., dims[:, None], dims]

    def conditional(
        self, covariances: Floats, known: Indices, rest: Indices, diff: Floats
    ) -> tuple[Floats, Floats]:
        return schur(covariances, known, rest, diff)

    def draw(self, random: RandomState, means: Array, covariances: Array, counts: Array) -> Array:
        parts = [
            random.multivariate_normal(mean, matrix, int(m))
            for mean, matrix, m in zip(means, covariances, counts, strict=True)
        ]
        return np.vstack(parts)


class Diag:
    """Features are uncorrelated within a component."""

    module = "diag"
    covariance_kind = "positive"
    untied: str | None = None

    def __init__(self, name: str) -> None:
        self.precision_name = f"{name} precision"

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d)

    def scatter_shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d)

    def moments(self, share: Floats, away: Floats) -> Floats:
        return np.asarray(np.einsum("nk,knd,knd->kd", share, away, away))

    def n_parameters(self, k: int, d: int) -> int:
        return k * d

    def work(self, k: int, d: int) -> float:
        return 8.0 * k * d

    def change(self, counts: Floats, shift: Floats, offset: Floats) -> Floats:
        return counts[:, None] * (offset * offset - shift * shift)

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        # rounding must not make a variance negative
        return np.maximum(scatter, 0.0) / counts[:, None] + reg_covar

    def scatter(self, covariances: Floats, counts: Floats, d: int) -> Floats:
        return counts[:, None] * covariances

    def prior_shape(self, d: int) -> tuple[int, ...]:
        return (d,)

    def posterior(
        self, covariances: Floats, counts: Floats, gap: Floats, prior: Wishart
    ) -> tuple[Floats, Floats]:
        freedom = prior.degrees_of_freedom + counts
        own = (counts / freedom)[:, None] * covariances
        return own + (prior.covariance + gap * gap) / freedom[:, None], freedom

    def sq_distances(self, factor: Floats, scatter: Floats) -> float:
        return float((factor * scatter * factor).sum())

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
        refuse_flat(covariances, least)

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

    def refuse(self, covariances: Floats) -> None:
        """Any numbers may be variances."""

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

    def marginal(self, covariances: Floats, dims: Indices) -> Floats:
        return covariances[..., dims]

    def conditional(
        self, covariances: Floats, known: Indices, rest: Indices, diff: Floats
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

    module = "spherical"

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k,)

    def n_parameters(self, k: int, d: int) -> int:
        return k

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        return super().covariances(scatter, counts, reg_covar).mean(1)

    def scatter(self, covariances: Floats, counts: Floats, d: int) -> Floats:
        return np.repeat((counts * covariances)[:, None], d, axis=1)

    def prior_shape(self, d: int) -> tuple[int, ...]:
        return ()

    def posterior(
        self, covariances: Floats, counts: Floats, gap: Floats, prior: Wishart
    ) -> tuple[Floats, Floats]:
        freedom = prior.degrees_of_freedom + counts
        believed = prior.covariance + (gap * gap).mean(1)
        return (counts / freedom) * covariances + believed / freedom, freedom

    def sq_distances(self, factor: Floats, scatter: Floats) -> float:
        return super().sq_distances(factor[:, None], scatter)

    def refuse_flat(self, covariances: Floats, least: Floats) -> None:
        refuse_flat(covariances[:, None], least.mean(1)[:, None])

    def log_det(self, factor: Floats, k: int, d: int) -> Floats:
        return d * np.log(factor)

    def to_full(self, covariances: Floats, k: int, d: int) -> Floats:
        return covariances[:, None, None] * np.eye(d)

    def marginal(self, covariances: Floats, dims: Indices) -> Floats:
        return covariances


class Shared:
    """All components share one covariance: what holds for the only component of another type."""

    def __init__(self, own: Covariance, module: str, untied: str | None = None) -> None:
        self.own, self.module, self.untied = own, module, untied
        self.precision_name, self.covariance_kind = own.precision_name, own.covariance_kind

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return self.own.shape(1, d)[1:]

    def scatter_shape(self, k: int, d: int) -> tuple[int, ...]:
        return self.own.scatter_shape(1, d)[1:]

    def moments(self, share: Floats, away: Floats) -> Floats:
        total: Floats = self.own.moments(share, away).sum(0)
        return total

    def n_parameters(self, k: int, d: int) -> int:
        return self.own.n_parameters(1, d)

    def work(self, k: int, d: int) -> float:
        return self.own.work(1, d) + 6.0 * k * d

    def change(self, counts: Floats, shift: Floats, offset: Floats) -> Floats:
        return self.own.change(counts, shift, offset).sum(0)

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        return self._only(self.own.covariances(scatter[None], counts.sum(keepdims=True), reg_covar))

    def scatter(self, covariances: Floats, counts: Floats, d: int) -> Floats:
        return self._only(self.own.scatter(covariances[None], counts.sum(keepdims=True), d))

    def prior_shape(self, d: int) -> tuple[int, ...]:
        return self.own.prior_shape(d)

    def posterior(
        self, covariances: Floats, counts: Floats, gap: Floats, prior: Wishart
    ) -> tuple[Floats, Floats]:
        # one Wishart distribution that sees a component's average share of the rows
        k = len(counts)
        shares = np.full(k, (counts / k).sum())
        every = self._of_all(covariances, k)
        expected, freedom = self.own.posterior(every, shares, gap, prior)
        return np.asarray(expected.mean(0)), freedom[0]

    def sq_distances(self, factor: Floats, scatter: Floats) -> float:
        return self.own.sq_distances(factor[None], scatter[None])

    def widened(self, scatter: Floats, counts: Floats, c: int | None, amount: float) -> Floats:
        return self._only(self.own.widened(scatter[None], counts.sum(keepdims=True), 0, amount))

    def factor(self, covariances: Floats) -> Floats:
        with _of_no_component():
            return self._only(self.own.factor(covariances[None]))

    def refuse_flat(self, covariances: Floats, least: Floats) -> None:
        with _of_no_component():
            self.own.refuse_flat(covariances[None], least.max(0, keepdims=True))

    def log_det(self, factor: Floats, k: int, d: int) -> Floats:
        return np.broadcast_to(self.own.log_det(factor[None], 1, d), (k,))

    def to_chol(self, factor: Floats) -> Floats:
        return self.own.to_chol(factor)

    def from_chol(self, chol: Floats) -> Floats:
        return self._only(self.own.from_chol(chol[None]))

    def from_precisions(self, precisions: Floats) -> Floats:
        return self._only(self.own.from_precisions(precisions[None]))

    def refuse(self, covariances: Floats) -> None:
        self.own.refuse(covariances[None])

    def whiten(self, factor: Floats, c: int, diff: Floats) -> Floats:
        return self.own.whiten(factor[None], 0, diff)

    def stretch(self, before: Floats, after: Floats) -> tuple[Floats, Floats]:
        least, greatest = self.own.stretch(before[None], after[None])
        return self._only(least), self._only(greatest)

    def precisions(self, factor: Floats) -> Floats:
        return self._only(self.own.precisions(factor[None]))

    def invert(self, factor: Floats) -> Floats:
        return self._only(self.own.invert(factor[None]))

    def to_full(self, covariances: Floats, k: int, d: int) -> Floats:
        return np.broadcast_to(self.own.to_full(covariances[None], 1, d), (k, d, d))

    def least_variance(self, covariances: Floats) -> float:
        return self.own.least_variance(covariances[None])

    def to_vector(self, covariances: Floats) -> Floats:
        return self.own.to_vector(covariances[None])

    def from_vector(self, vector: Floats, k: int, d: int) -> Floats:
        return self._only(self.own.from_vector(vector, 1, d))

    def marginal(self, covariances: Floats, dims: Indices) -> Floats:
        return self._only(self.own.marginal(covariances[None], dims))

    def conditional(
        self, covariances: Floats, known: Indices, rest: Indices, diff: Floats
    ) -> tuple[Floats, Floats]:
        with _of_no_component():
            every = self._of_all(covariances, len(diff))
            shift, left = self.own.conditional(every, known, rest, diff)
        return shift, self._only(left)

    def draw(self, random: RandomState, means: Array, covariances: Array, counts: Array) -> Array:
        return self.own.draw(random, means, self._of_all(covariances, len(means)), counts)

    def _of_all(self, one: Floats, k: int) -> Floats:
        """What every component has."""
        return np.broadcast_to(one, (k, *one.shape))

    def _only(self, stack: Floats) -> Floats:
        """What the first component has."""
        return np.asarray(stack[0])


@contextmanager
def _of_no_component() -> Iterator[None]:
    """Let a CollapseError name no component."""
    try:
        yield
    except CollapseError as error:
        raise CollapseError(None, error.reason) from None


def from_covariances(covariance: Covariance, given: Floats) -> Floats:
    """Whitening of covariances of the caller's; ValueError where they are none, and says which."""
    covariance.refuse(given)
    try:
        return covariance.factor(given)
    except CollapseError as error:
        which = "" if error.component is None else f"of component {error.component} "
        raise ValueError(
            f"what is given {which}is not: {error.reason}. Add a little to the variances, or choose a "
            "covariance_type with fewer parameters."
        ) from None


COVARIANCES: dict[str, Covariance] = {
    "full": Full("full"),
    "tied": Shared(Full("tied"), "tied"),
    "diag": Diag("diag"),
    "spherical": Spherical("spherical"),
    "tied_diag": Shared(Diag("tied_diag"), "tied_diag", "diag"),
    "tied_spherical": Shared(Spherical("tied_spherical"), "tied_spherical", "spherical"),
}
