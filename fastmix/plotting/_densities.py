"""Densities of mixtures as numbers, of any of their features, by the engine's own formulas."""

import numpy as np

from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.likelihood import log_const
from fastmix.engine.mahalanobis import mahalanobis
from fastmix.plotting._geometry import Array

FULL = COVARIANCES["full"]
FEWEST_BINS, MOST_BINS = 10, 60
ROUND = (1.0, 2.0, 2.5, 5.0, 10.0, 20.0)  # the last two for what rounding makes too large
DRAWN = 20_000  # rows that tell how much lies within a contour, to about a third of a percent


def log_densities(points: Array, weights: Array, means: Array, matrices: Array) -> Array:
    """Log of weight times density of every component (m, k) at points (m, p).

    Raises
    ------
    CollapseError
        If a covariance has no inverse.
    """
    k, p = means.shape
    factor = FULL.factor(matrices)
    constant = log_const(weights, FULL.log_det(factor, k, p), p)
    return constant - 0.5 * mahalanobis(points, np.zeros(p), means, factor, FULL) ** 2


def log_density(points: Array, weights: Array, means: Array, matrices: Array) -> Array:
    """Log-density (m,) of the whole mixture at points (m, p)."""
    return np.asarray(np.logaddexp.reduce(log_densities(points, weights, means, matrices), axis=1))


def heights(levels: Array, weights: Array, means: Array, matrices: Array) -> Array:
    """Log-densities above which the mixture has the probabilities `levels` (q,).

    They bound its regions of highest density, found by rows drawn from it (Hyndman 1996,
    doi:10.1080/00031305.1996.10474359); the draw is always the same.
    """
    random = np.random.RandomState(0)
    counts = random.multinomial(DRAWN, weights / weights.sum())
    drawn = FULL.draw(random, means, matrices, counts)
    return np.quantile(log_density(drawn, weights, means, matrices), 1.0 - levels)


def reach(height: float, weights: Array, means: Array, matrices: Array) -> tuple[Array, Array]:
    """Lower and upper corner (p,) of a box that holds all points whose log-density is above `height`.

    There one of k components alone has the density exp(height) / k, so the distance to it, in its
    standard deviations, is below a radius; its ellipse has the box mean +- radius standard deviation.
    """
    at_mean = log_densities(means, weights, means, matrices).diagonal()
    square = 2.0 * (at_mean + np.log(len(weights)) - height)
    inside = square > 0
    variances = matrices.diagonal(axis1=1, axis2=2)
    radii = np.sqrt(square[inside, None] * variances[inside])
    return (means[inside] - radii).min(0), (means[inside] + radii).max(0)


def round_steps(low: float, high: float, most: int) -> Array:
    """At most so many numbers from low to high, in equal and round steps."""
    exact = (high - low) / most
    power = 10.0 ** np.floor(np.log10(exact))
    step = next(power * factor for factor in ROUND if power * factor >= exact)
    return step * np.arange(np.ceil(low / step), high / step)


def histogram_edges(values: Array) -> Array:
    """Edges (b + 1,) of equal bins, as wide as Freedman and Diaconis have it if they are not too many.

    doi:10.1007/BF01025868
    """
    upper, lower = np.quantile(values, [0.75, 0.25])
    width = 2.0 * (upper - lower) / np.cbrt(len(values))
    bins = np.ptp(values) / width if width > 0 else FEWEST_BINS
    return np.histogram_bin_edges(values, int(np.clip(np.ceil(bins), FEWEST_BINS, MOST_BINS)))
