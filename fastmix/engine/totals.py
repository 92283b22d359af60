"""Totals of mixtures add up: over shards, chunks and machines."""

import numpy as np

from fastmix.engine.results import MixtureTotals


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
