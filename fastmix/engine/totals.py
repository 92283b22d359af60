"""Totals of mixtures add up: over shards, chunks, batches and machines."""

import numpy as np

from fastmix.engine.covariance import Covariance
from fastmix.engine.results import Floats, MixtureTotals, Parameters


def add(left: MixtureTotals, right: MixtureTotals) -> MixtureTotals:
    """Totals of the rows of both.

    Raises
    ------
    ValueError
        If their second moments are about different origins.
    """
    if not np.array_equal(left.origin, right.origin):
        raise ValueError("Totals about different origins cannot be added.")
    return MixtureTotals(
        left.counts + right.counts,
        left.sums + right.sums,
        left.scatter + right.scatter,
        left.objective + right.objective,
        left.n_rows + right.n_rows,
        left.origin,
    )


def scaled(totals: MixtureTotals, factor: float) -> MixtureTotals:
    """Totals of the same rows, each of which counts `factor` times."""
    return MixtureTotals(
        factor * totals.counts,
        factor * totals.sums,
        factor * totals.scatter,
        factor * totals.objective,
        factor * totals.n_rows,
        totals.origin,
    )


def shifts(totals: MixtureTotals) -> Floats:
    """Way from the origin to the mean of every component, (k, d); 0 where it has no rows."""
    held, filled = totals.counts, totals.counts > 0
    return np.where(filled[:, None], totals.sums / np.where(filled, held, 1.0)[:, None], 0.0)


def rebased(totals: MixtureTotals, origin: Floats, covariance: Covariance) -> MixtureTotals:
    """Totals of the same rows about another origin (k, d).

    With b from the new origin to the old one, sums grow by N b and second moments by
    sums b' + b sums' + N b b'. Digits are lost only as far as the origins are apart in standard
    deviations.
    """
    shift = shifts(totals)
    offset = totals.origin - origin + shift
    return totals._replace(
        sums=totals.counts[:, None] * offset,
        scatter=totals.scatter + covariance.change(totals.counts, shift, offset),
        origin=origin,
    )


def moved(totals: MixtureTotals, by: Floats) -> MixtureTotals:
    """Totals of rows that have moved by (d,), their origin with them."""
    return totals._replace(origin=totals.origin + by)


def expected(parameters: Parameters, n_rows: float, covariance: Covariance) -> MixtureTotals:
    """Totals, about the means, of rows that are spread exactly as a mixture says."""
    counts = n_rows * parameters.weights
    scatter = covariance.scatter(parameters.covariances, counts, parameters.means.shape[1])
    return MixtureTotals(
        counts, np.zeros(parameters.means.shape), scatter, 0.0, n_rows, parameters.means
    )
