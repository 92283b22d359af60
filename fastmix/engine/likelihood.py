"""The maximum-likelihood M-step: totals become parameters."""

from typing import NamedTuple

import numpy as np

from fastmix.engine.covariances import EPSILON, CollapseError, Covariance
from fastmix.engine.results import Floats, MixtureTotals, Parameters

# scikit-learn's: keeps an empty component from dividing by zero, and a single row's variance from being zero
SMALLEST_COUNT = 10 * EPSILON

COLLAPSED = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance "
    "(for instance caused by singleton or collapsed samples). Try to decrease the number of "
    "components, increase reg_covar, or scale the input data."
)


class Estimate(NamedTuple):
    """A mixture as the totals give it, its covariances not yet factored."""

    weights: Floats  # (k,)
    means: Floats  # (k, d)
    covariances: Floats  # as the type has them


def estimate(totals: MixtureTotals, covariance: Covariance, reg_covar: float) -> Estimate:
    """Weights, means and covariances of the totals (Dempster, Laird & Rubin 1977, section 4.3)."""
    held = totals.counts
    counts = held + SMALLEST_COUNT
    filled = held > 0
    shift = np.where(filled[:, None], totals.sums / np.where(filled, held, 1.0)[:, None], 0.0)
    mean = totals.origin + shift
    means = np.where(filled[:, None], mean, 0.0) * (held / counts)[:, None]
    scatter = covariance.recentre(totals.scatter, held, shift, means - mean)
    return Estimate(
        counts / counts.sum(), means, covariance.covariances(scatter, counts, reg_covar)
    )


def maximise(totals: MixtureTotals, covariance: Covariance, reg_covar: float) -> Parameters:
    """The M-step.

    Raises
    ------
    CollapseError
        If a covariance has no inverse; the message names the component.
    """
    found = estimate(totals, covariance, reg_covar)
    try:
        factor = covariance.factor(found.covariances)
    except CollapseError as error:
        raise _explained(error, totals, found.weights) from None
    return Parameters(*found, factor, covariance.log_det(factor, *found.means.shape))


def log_const(fitted: Parameters) -> Floats:
    """What a component's log-probability is at its mean, (k,): log weight and normalisation."""
    d = fitted.means.shape[1]
    with np.errstate(divide="ignore"):  # a component of weight 0 has probability 0
        return np.log(fitted.weights) + fitted.log_det - 0.5 * d * np.log(2 * np.pi)


def _explained(error: CollapseError, totals: MixtureTotals, weights: Floats) -> CollapseError:
    c = error.component
    where = (
        "The covariance that all components share"
        if c is None
        else f"Component {c} (weight {weights[c]:.3g}, holding {totals.counts[c]:.3g} rows)"
    )
    return CollapseError(c, f"{COLLAPSED} {where} has collapsed: {error.reason}.")
