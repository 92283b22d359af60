"""The algorithm that the sizes of the problem, and a look at the rows, promise to be the fastest.

It is chosen from the data, and from what the start has made of them, never by a clock: two runs of one fit
go the same way.
"""

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix.engine import filtering, hamerly, lloyd, mixed_precision, quantized
from fastmix.engine.results import Array, Floats, Indices, Inspection, KMeansTotals, Rows

# Boxes pay where they are small for the distances between centers, and centers are not few.
ALWAYS_FEATURES, MOST_FEATURES = 3, 16  # up to which boxes are small, and may be
FEWEST_CENTERS, FEWEST_VALUES, ROWS_A_CENTER, FEWEST_ROWS = 8, 128, 100, 20_000
WORTH = 0.5  # share of the distances, below which boxes pay
# Bytes pay where many distances of many features are asked for, most in float64.
PAYING_VALUES = {np.dtype(np.float64): 1_600, np.dtype(np.float32): 8_000}  # k d
FEWEST_FEATURES = 16
# Bounds pay where a row's distances cost much more than looking after its bounds.
PAYING_FEATURES, PAYING_CENTERS = 8, 64
# Single precision pays for float64 rows that are in no tiles yet, where neither seeds (by k-means++, below 24
# features) nor the look for boxes need them, unless distances cost less than taking rows along, which come from X.
ROUNDED_VALUES = 60  # k d


class AutoState(NamedTuple):
    """What was chosen, why, and its own state."""

    algorithm: ModuleType
    reason: str
    state: Any

    @property
    def labels(self) -> NDArray[np.int32]:
        """(n_tiles * R,)."""
        return np.asarray(self.state.labels)

    @property
    def measured(self) -> list[int]:
        """Distances of rows to centers, pass by pass."""
        measured: list[int] = self.state.measured
        return measured

    @property
    def name(self) -> str:
        """That of the chosen algorithm."""
        return str(self.state.name)

    @property
    def order(self) -> Indices | None:
        """(n,) or None."""
        order: Indices | None = self.state.order
        return order


def start(rows: Rows, centers: Array, earlier: AutoState | None = None) -> AutoState:
    """Choose, at first."""
    if earlier:
        return earlier._replace(state=earlier.algorithm.start(rows, centers, earlier.state))
    (k, d), n = centers.shape, rows.n
    size = f"{n:,} rows, {k} centers, {d} features"
    many = n >= max(FEWEST_ROWS, ROWS_A_CENTER * k) and k >= FEWEST_CENTERS
    if many and (d <= ALWAYS_FEATURES or (d <= MOST_FEATURES and k * d >= FEWEST_VALUES)):
        order = filtering.order_of_rows(rows)
        share = 0.0 if d <= ALWAYS_FEATURES else filtering.share(rows, centers, order)
        if share < WORTH:
            left = f"leave {share:.0%} of the distances at first" if share else "are small"
            reason = f"{size}: boxes of neighbouring rows {left}"
            return AutoState(filtering, reason, filtering.start(rows, centers, order=order))
    chosen: ModuleType = lloyd
    reason = f"{size}: all distances cost less than avoiding some"
    many_values = n >= FEWEST_ROWS and k * d >= ROUNDED_VALUES
    enough = d >= FEWEST_FEATURES and k * d >= PAYING_VALUES[rows.dtype]
    if enough and quantized.pays(rows):
        chosen, reason = quantized, f"{size}: a byte a value rules out most centers"
    elif k >= PAYING_CENTERS and d >= PAYING_FEATURES:
        chosen, reason = hamerly, f"{size}: bounds cost less than the distances they save"
    elif rows.dtype == np.float64 and many_values and not rows.packed:
        chosen, reason = mixed_precision, f"{size}: single precision tells nearly all rows apart"
    return AutoState(chosen, reason, chosen.start(rows, centers))


def assign(rows: Rows, centers: Array, state: AutoState) -> KMeansTotals:
    """One pass."""
    totals: KMeansTotals = state.algorithm.assign(rows, centers, state.state)
    return totals


def move(state: AutoState, centers: Array, shift: Floats) -> None:
    """Centers have moved."""
    state.algorithm.move(state.state, centers, shift)


def inspect(rows: Rows, centers: Array, state: AutoState, each: bool = True) -> Inspection:
    """Distances of rows to their own centers."""
    found: Inspection = state.algorithm.inspect(rows, centers, state.state, each)
    return found
