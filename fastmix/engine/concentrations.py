"""Priors of a mixture's weights by name: how much weight every component is believed to have.

A concentration is what is known about the weights: one array (k,) where they follow a Dirichlet
distribution, two where they are pieces broken off a stick, each a Beta distributed share of what
is left of it (a Dirichlet process, cut off after k components).
"""

from typing import Protocol

import numpy as np
from scipy.special import betaln, digamma, gammaln

from fastmix.engine.results import Floats

Concentration = tuple[Floats, ...]


class WeightPrior(Protocol):
    """What every prior of the weights can do."""

    n_arrays: int  # in a concentration

    def posterior(self, prior: float, counts: Floats) -> Concentration:
        """Concentration once every component holds counts (k,) rows."""

    def log_weights(self, concentration: Concentration) -> Floats:
        """Expected logarithms of the weights, (k,)."""

    def weights(self, concentration: Concentration) -> Floats:
        """Expected weights (k,), which sum to 1."""

    def log_norm(self, concentration: Concentration) -> float:
        """Logarithm of the factor that makes the density of the weights integrate to 1."""


class DirichletDistribution:
    """All components are alike before any row is seen (Bishop 2006, section 10.2)."""

    n_arrays = 1

    def posterior(self, prior: float, counts: Floats) -> Concentration:
        return (prior + counts,)

    def log_weights(self, concentration: Concentration) -> Floats:
        (alpha,) = concentration
        return digamma(alpha) - digamma(alpha.sum())

    def weights(self, concentration: Concentration) -> Floats:
        (alpha,) = concentration
        return alpha / alpha.sum()

    def log_norm(self, concentration: Concentration) -> float:
        (alpha,) = concentration
        return float(gammaln(alpha.sum()) - gammaln(alpha).sum())


class DirichletProcess:
    """A component takes its share of what those before it left (Blei & Jordan 2006, section 3.2)."""

    n_arrays = 2

    def posterior(self, prior: float, counts: Floats) -> Concentration:
        later = np.cumsum(counts[::-1])[::-1]
        return 1.0 + counts, prior + np.append(later[1:], 0.0)

    def log_weights(self, concentration: Concentration) -> Floats:
        a, b = concentration
        both = digamma(a + b)
        left = np.cumsum(digamma(b) - both)
        return digamma(a) - both + np.append(0.0, left[:-1])

    def weights(self, concentration: Concentration) -> Floats:
        a, b = concentration
        left = np.append(1.0, np.cumprod(b / (a + b))[:-1])
        pieces = a / (a + b) * left
        return pieces / pieces.sum()

    def log_norm(self, concentration: Concentration) -> float:
        return float(-_log_beta(*concentration).sum())


def _log_beta(a: Floats, b: Floats) -> Floats:
    """Logarithm of the Beta function, (k,)."""
    log_beta = np.array(betaln(a, b))
    # SciPy's is not a number where both are huge, for which Stirling's formula has all that counts
    lost = np.isnan(log_beta)
    if lost.any():
        least, most = np.minimum(a, b)[lost], np.maximum(a, b)[lost]
        share = least / (least + most)
        log_beta[lost] = most * np.log1p(-share) + least * np.log(share)
    return log_beta


WEIGHT_PRIORS: dict[str, WeightPrior] = {
    "dirichlet_process": DirichletProcess(),
    "dirichlet_distribution": DirichletDistribution(),
}
