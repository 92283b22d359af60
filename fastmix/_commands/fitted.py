"""What `fit` has found, as text and as JSON."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix._commands.columns import TOLD, Table, numbers
from fastmix._commands.labels import Labels
from fastmix._commands.tables import plain
from fastmix.selection import Selection


class Fitted(NamedTuple):
    """A model of the rows of a file."""

    file: Path
    table: Table
    model: Any  # KMeans or GaussianMixture, of the rows as it has seen them
    scaler: Any | None  # that has made these rows of those of the file
    selection: Selection | None  # None: nothing was chosen
    labels: Labels
    notes: list[str]  # warnings of the fit

    @property
    def names(self) -> list[str]:
        """Of the columns; numbers where the file has none."""
        return self.table.names or numbers(self.table.X.shape[1])

    @property
    def centers(self) -> NDArray[Any]:
        """Centers or means (k, d), in the units of the file."""
        found = self.model.means_ if self.is_mixture else self.model.cluster_centers_
        return np.asarray(found if self.scaler is None else self.scaler.inverse_transform(found))

    @property
    def is_mixture(self) -> bool:
        """Does the model have components?"""
        return hasattr(self.model, "means_")

    def facts(self) -> dict[str, Any]:
        """All that is told."""
        model, (n, _) = self.model, self.table.X.shape
        kept = next(record for record in model.init_results_ if record.best)
        found: dict[str, Any] = {"file": str(self.file), "rows": n, "columns": self.names}
        found |= {"standardized": self.scaler is not None, "model": type(model).__name__}
        if self.is_mixture:
            found |= {"k": model.n_components, "covariance_type": model.covariance_type}
            found |= {"mean_log_likelihood": float(kept.lower_bound)}
            found |= {"weights": model.weights_.tolist()}
        else:
            found |= {"k": model.n_clusters, "inertia": model.inertia_}
        found |= {"converged": kept.converged, "n_iter": kept.n_iter}
        counts = self.labels.counts
        found |= {"counts": counts + [0] * (found["k"] - len(counts))}
        found |= {"centers": self.centers.tolist(), "notes": self.notes}
        if self.selection is not None:
            found |= {"criterion": self.selection.criterion, "table": self.selection.table_}
        return found

    def as_json(self) -> Any:
        """For programs."""
        return _finite(self.facts())

    def as_text(self) -> str:
        """For a terminal."""
        facts = self.facts()
        how = ", standardised" if facts["standardized"] else ""
        kind = f", covariance_type={facts['covariance_type']!r}" if self.is_mixture else ""
        settled = "converged after" if facts["converged"] else "not converged in"
        reached = "mean_log_likelihood" if self.is_mixture else "inertia"
        parts = [
            f"{self.file.name}: {facts['rows']:,} rows of {', '.join(_some(self.names))}{how}",
            *([] if self.selection is None else [repr(self.selection)]),
            f"{facts['model']} with k={facts['k']}{kind}, {settled} {facts['n_iter']} iterations: "
            f"{reached.replace('_', ' ')} {facts[reached]:.6g}",
            self._components(facts),
            *(f"Note: {note}" for note in self.notes),
        ]
        return "\n\n".join(parts)

    def _components(self, facts: dict[str, Any]) -> str:
        """A line for every cluster or component: how large it is, and its center."""
        what, weights = ("component", True) if self.is_mixture else ("cluster", False)
        head = [what, "rows", *(["weight"] if weights else []), *_some(self.names)]
        lines = []
        for c, (count, center) in enumerate(zip(facts["counts"], facts["centers"], strict=True)):
            weight = [f"{facts['weights'][c]:.4f}"] if weights else []
            lines.append([str(c), f"{count:,}", *weight, *_some([f"{x:.5g}" for x in center])])
        return f"{plain(head, lines)}\n{'Means' if weights else 'Centers'} are in the units of the file."


def _some(cells: list[str]) -> list[str]:
    """The first cells, and whether there are more."""
    return cells if len(cells) <= TOLD else [*cells[:TOLD], "..."]


def _finite(value: Any) -> Any:
    """The value without numbers that JSON has not: they become null."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
