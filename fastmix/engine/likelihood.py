"""Maximum likelihood: how totals become the parameters under which the rows are most likely."""

from typing import NamedTuple

import numpy as np

from fastmix.engine.covariance import Covariance
from fastmix.engine.results import Floats, MixtureTotals, Parameters
from fastmix.engine.totals import shifts
from fastmix.engine.whitening import EPSILON, CollapseError

# scikit-learn's: keeps an empty component from dividing by zero, and a single row's variance from being zero
SMALLEST_COUNT = 10 * EPSILON

COLLAPSED = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance "
    "(for instance caused by singleton or collapsed samples). Try to decrease the number of "
    "components, increase reg_covar, or scale the input data."
)


class Given(NamedTuple):
    """What the caller laid down to start from, in the frame of the rows; None is left to the start."""

    weights: Floats | None = None  # (k,)
    means: Floats | None = None  # (k, d)
    factor: Floats | None = None  # whitening of precisions_init


class Estimate(NamedTuple):
    """A mixture as the totals give it, its covariances not yet factored."""

    counts: Floats  # (k,) all above zero
    means: Floats  # (k, d)
    covariances: Floats  # as the type has them


class Likelihood(NamedTuple):
    """The likelihood of the rows, maximised (Dempster, Laird & Rubin 1977, section 4.3)."""

    covariance: Covariance
    reg_covar: float  # added to every variance
    given: Given = Given()

    @property
    def complete(self) -> bool:
        """Are weights, means and whitening all laid down?"""
        return all(part is not None for part in self.given)

    def first(self, totals: MixtureTotals | None) -> Parameters:
        """The M-step of a start, but for what is given."""
        weights, means, factor = self.given
        if weights is not None and means is not None and factor is not None:
            return self._with_factor(weights, means, factor)
        assert totals is not None  # the given is not complete
        if factor is None:
            found = self.update(totals)
        else:
            rough = estimate(totals, self.covariance, self.reg_covar)
            found = self._with_factor(_shares(rough.counts), rough.means, factor)
        if weights is not None:
            found = found._replace(weights=weights)
            found = found._replace(log_const=self._log_const(weights, found.factor, found.means))
        return found if means is None else found._replace(means=means)

    def update(self, totals: MixtureTotals) -> Parameters:
        """The M-step.

        Raises
        ------
        CollapseError
            If a covariance has no inverse; the message names the component.
        """
        counts, means, covariances = estimate(totals, self.covariance, self.reg_covar)
        factor, weights = factored(covariances, totals, self.covariance), _shares(counts)
        log_const = self._log_const(weights, factor, means)
        return Parameters(weights, means, covariances, factor, log_const)

    def bound(self, totals: MixtureTotals, before: Parameters, after: Parameters) -> float:
        """Mean log-likelihood before the step."""
        return totals.objective / totals.n_rows

    def _with_factor(self, weights: Floats, means: Floats, factor: Floats) -> Parameters:
        log_const = self._log_const(weights, factor, means)
        return Parameters(weights, means, self.covariance.invert(factor), factor, log_const)

    def _log_const(self, weights: Floats, factor: Floats, means: Floats) -> Floats:
        return log_const(weights, self.covariance.log_det(factor, *means.shape), means.shape[1])


def estimate(
    totals: MixtureTotals,
    covariance: Covariance,
    reg_covar: float,
    smallest_count: float = SMALLEST_COUNT,
) -> Estimate:
    """Counts, means and covariances of the totals."""
    held = totals.counts
    counts = held + smallest_count
    shift = shifts(totals)
    mean = totals.origin + shift
    means = np.where(held[:, None] > 0, mean, 0.0) * (held / counts)[:, None]
    scatter = totals.scatter + covariance.change(held, shift, means - mean)
    return Estimate(counts, means, covariance.covariances(scatter, counts, reg_covar))


def factored(covariances: Floats, totals: MixtureTotals, covariance: Covariance) -> Floats:
    """Whitening of the covariances; CollapseError, in the user's words, where there is none."""
    try:
        return covariance.factor(covariances)
    except CollapseError as error:
        raise placed(error, covariances, totals, covariance) from None


def log_const(weights: Floats, log_det: Floats, d: int) -> Floats:
    """A component's log-probability at its mean, (k,), from the log-determinant of its whitening."""
    with np.errstate(divide="ignore"):  # a component of weight 0 has probability 0
        return np.log(weights) + log_det - 0.5 * d * np.log(2 * np.pi)


def bic(log_likelihood: float, n_parameters: int, size: float) -> float:
    """Bayesian information criterion of rows of this total weight (Schwarz 1978)."""
    return float(-2 * log_likelihood + n_parameters * np.log(size))


def aic(log_likelihood: float, n_parameters: int) -> float:
    """Akaike information criterion (Akaike 1974)."""
    return float(-2 * log_likelihood + 2 * n_parameters)


def _shares(counts: Floats) -> Floats:
    return counts / counts.sum()


def placed(
    error: CollapseError, covariances: Floats, totals: MixtureTotals, covariance: Covariance
) -> CollapseError:
    """The error with the component's weight and covariance."""
    c = error.component
    where = (
        "The covariance that all components share"
        if c is None
        else f"Component {c} (weight {_shares(totals.counts)[c]:.3g})"
    )
    one = covariances if c is None else covariances[c : c + 1]
    matrix = covariance.to_full(one, 1, totals.origin.shape[1])[0]
    reason = f"{where} has collapsed: {error.reason}"
    return CollapseError(c, reason, matrix, f"{COLLAPSED} {reason}.")
