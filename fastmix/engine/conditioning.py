"""A mixture of some features, given the values of the others."""

import numpy as np
from numpy.typing import NDArray

from fastmix.engine.covariance import Covariance
from fastmix.engine.likelihood import log_const
from fastmix.engine.mahalanobis import mahalanobis
from fastmix.engine.results import Floats, Parameters


def condition(
    parameters: Parameters,
    covariance: Covariance,
    known: NDArray[np.int64],
    rest: NDArray[np.int64],
    values: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Weights, means and covariances of the features `rest` where those of `known` have `values`.

    A component counts by its density at the values (Bayes' rule); within it, the rest follows by
    regression on the known (Bishop 2006, Pattern Recognition and Machine Learning, eq. 2.81-2.82).

    Raises
    ------
    ValueError
        If the values are too far from every component for float64.
    CollapseError
        If a covariance has no inverse.
    """
    weights, means, covariances = parameters[:3]
    k, p = len(means), len(known)
    factor = covariance.factor(covariance.marginal(covariances, known))
    constant = log_const(weights, covariance.log_det(factor, k, p), p)
    zero = np.zeros(p)
    with np.errstate(over="ignore"):
        squared = mahalanobis(values[None], zero, means[:, known], factor, covariance)[0] ** 2
    log_prob = constant - 0.5 * squared
    top = log_prob.max()
    if top == -np.inf:
        raise ValueError(
            "The values are so far from every component that their distance, in standard "
            "deviations, overflows. Pass values nearer to the means."
        )
    share = np.exp(log_prob - top)
    shift, left = covariance.conditional(covariances, known, rest, values - means[:, known])
    return share / share.sum(), means[:, rest] + shift, left
