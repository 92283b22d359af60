"""Variational Bayes: how totals become a posterior of the parameters, and the bound that it raises.

Weights, means and precisions follow a Dirichlet, normal and Wishart distribution each, before and
after the rows are seen (Bishop 2006, Pattern Recognition and Machine Learning, section 10.2). All
that makes its E-step differ from that of maximum likelihood is a constant for every component.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from scipy.special import digamma, gammaln

from fastmix.engine.concentrations import WeightPrior
from fastmix.engine.covariance import Covariance
from fastmix.engine.likelihood import SMALLEST_COUNT, estimate, factored
from fastmix.engine.passes import tally
from fastmix.engine.results import Floats, MixtureTotals, Parameters, Posterior, Rows, Wishart

LEAST_LOG = -1e30  # a component that is less likely takes no row; float32 still holds it
MOST_EXPONENT = 1000  # of a power of two that may be multiplied by a small number


class Priors(NamedTuple):
    """What is believed before any row is seen, in the frame of the rows."""

    weights: WeightPrior
    concentration: float  # rows, or rows a component, that the belief about the weights is worth
    mean_precision: float  # rows that the belief about a mean is worth
    mean: Floats  # (d,)
    degrees_of_freedom: float  # rows that the belief about a covariance is worth
    covariance: Floats  # times the degrees of freedom; of the type's prior_shape


class Moments(NamedTuple):
    """All rows taken together."""

    size: float  # their weight
    mean: Floats  # (d,)
    spread: Floats  # their covariance, divided by size; of the type's prior_shape

    @property
    def covariance(self) -> Floats:
        """The sample covariance, divided by size - 1; ValueError where that is not positive."""
        if self.size <= 1.0:
            raise ValueError(
                f"sample_weight sums up to {self.size:.3g} rows, but a sample covariance, the "
                "default covariance_prior, takes more than 1. Give covariance_prior, or scale "
                "sample_weight."
            )
        return self.spread / (1.0 - 1.0 / self.size)


class Variational(NamedTuple):
    """A posterior of the parameters, found by raising a lower bound on the evidence."""

    covariance: Covariance
    reg_covar: float  # added to every variance of the rows
    priors: Priors
    weight_exponent: int = 0  # of the rows: their weights are evidence, so their unit matters
    dtype: DTypeLike = np.float64  # of the rows

    @property
    def complete(self) -> bool:
        """Every start needs rows."""
        return False

    def first(self, totals: MixtureTotals | None) -> Parameters:
        """The M-step of a start."""
        assert totals is not None  # this model is never complete
        return self.update(totals)

    def update(self, totals: MixtureTotals) -> Parameters:
        """The posterior under responsibilities that have these totals.

        Raises
        ------
        CollapseError
            If a covariance has no inverse; the message names the component.
        """
        prior, covariance = self.priors, self.covariance
        # estimate counts rows in units of 2**weight_exponent
        smallest = np.ldexp(SMALLEST_COUNT, min(-self.weight_exponent, MOST_EXPONENT))
        held, centers, own = estimate(totals, covariance, self.reg_covar, float(smallest))
        counts = np.ldexp(held, self.weight_exponent)
        mean_precision = prior.mean_precision + counts
        # shares before products: a count may be as large as float64 has it
        share, gap = (counts / mean_precision)[:, None], centers - prior.mean
        covariances, degrees_of_freedom = covariance.posterior(
            own,
            counts,
            np.sqrt(prior.mean_precision * share) * gap,
            Wishart(prior.covariance, prior.degrees_of_freedom),
        )
        posterior = Posterior(
            prior.weights.posterior(prior.concentration, counts), mean_precision, degrees_of_freedom
        )
        factor = factored(covariances, totals, covariance)
        means = prior.mean + share * gap
        return expected_mixture(covariance, prior.weights, posterior, means, covariances, factor)

    def bound(self, totals: MixtureTotals, before: Parameters, after: Parameters) -> float:
        """Lower bound on the log-evidence of all rows after the step, but for constants.

        Its entropy needs no look at single rows: log r = log rho - log_norm, where log rho is a
        constant less half a squared distance, whose sum is in the second moments.
        """
        assert after.posterior is not None  # as update makes them
        concentration, mean_precision, degrees_of_freedom = after.posterior
        k, d = after.means.shape
        # the E-step took both in the dtype of the rows
        constant, factor = (
            part.astype(self.dtype).astype(np.float64) for part in (before.log_const, before.factor)
        )
        distances = self.covariance.sq_distances(factor, totals.scatter)
        entropy = totals.objective - constant @ totals.counts + 0.5 * distances
        log_det = _log_det(self.covariance, after.factor, degrees_of_freedom, k, d)
        freedom = np.broadcast_to(degrees_of_freedom, k)
        log_wishart = -(freedom * (log_det + 0.5 * d * np.log(2.0))).sum()
        log_wishart -= gammaln(_halves(freedom, d)).sum()
        with np.errstate(over="ignore"):  # at a start, rows of huge weight may fit that badly
            entropy = np.ldexp(entropy, self.weight_exponent)
        return float(
            entropy
            - log_wishart
            - self.priors.weights.log_norm(concentration)
            - 0.5 * d * np.log(mean_precision).sum()
        )


def expected_mixture(
    covariance: Covariance,
    weights: WeightPrior,
    posterior: Posterior,
    means: Floats,
    covariances: Floats,
    factor: Floats,
) -> Parameters:
    """The mixture under whose E-step responsibilities are those of a posterior."""
    k, d = means.shape
    freedom = np.broadcast_to(posterior.degrees_of_freedom, k)
    log_const = (
        weights.log_weights(posterior.concentration)
        + _log_det(covariance, factor, freedom, k, d)
        + 0.5 * (digamma(_halves(freedom, d)).sum(0) - d / posterior.mean_precision)
        - 0.5 * d * np.log(np.pi)  # log(2 pi) less the log(2) of the expected determinant
    )
    return Parameters(
        weights.weights(posterior.concentration),
        means,
        covariances,
        factor,
        np.maximum(log_const, LEAST_LOG),
        posterior,
    )


def moments(rows: Rows, covariance: Covariance) -> Moments:
    """Weighted moments of all rows, from which default priors are taken."""
    d = rows.d
    totals = tally(rows, np.broadcast_to(np.int32(0), rows.n), np.zeros((1, d)), covariance)
    held, shift = totals.counts, totals.sums / totals.counts[:, None]
    scatter = totals.scatter + covariance.change(held, shift, np.zeros((1, d)))
    spread = covariance.covariances(scatter, held, 0.0).reshape(covariance.prior_shape(d))
    size = float(np.ldexp(held[0], rows.weight_exponent))
    return Moments(size, totals.origin[0] + shift[0], spread)


def _log_det(
    covariance: Covariance, factor: Floats, degrees_of_freedom: Floats, k: int, d: int
) -> Floats:
    """Log-determinant (k,) of the whitening of a Wishart distribution's scale."""
    return covariance.log_det(factor, k, d) - 0.5 * d * np.log(degrees_of_freedom)


def _halves(degrees_of_freedom: Floats, d: int) -> Floats:
    """(degrees_of_freedom - j) / 2 for every feature j, (d, k)."""
    return 0.5 * (degrees_of_freedom - np.arange(d)[:, None])
