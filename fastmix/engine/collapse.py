"""What happens to a component that loses its volume, by name.

A policy is a model around a model: it takes the steps of the inner one, and where such a step
collapses it mends the totals of the component and takes the step again. What was done is told in
`Parameters.events`. A policy serves one run. After an event the bound may fall, once.
"""

import numpy as np
from numpy.random import RandomState

from fastmix.engine.covariance import Covariance
from fastmix.engine.em import Model
from fastmix.engine.likelihood import COLLAPSED, SMALLEST_COUNT, placed
from fastmix.engine.passes import accumulate, infer
from fastmix.engine.results import Floats, MixtureTotals, Parameters, Rows
from fastmix.engine.rows import to_frame
from fastmix.engine.shares import (
    blocks,
    constant_features,
    mean_and_variances,
    overall,
    rounding,
)
from fastmix.engine.whitening import EPSILON, CollapseError

RESTARTS = 3  # of one component in one run
# Of a component, so that the whitening of rows has room; float64 has room for every variance
LEAST_VARIANCE = {np.dtype(np.float64): 0.0, np.dtype(np.float32): 1e-60}
FLOOR = 1e-6  # least variance of a regularised component, of the mean variance of the features

WAYS_OUT = (
    "What helps: fewer components, a greater reg_covar (relative_reg_covar=True makes it a fraction of "
    "the variances), another start, or on_collapse='reseed' or 'regularize'."
)


class Raise:
    """The run ends, with an error that tells what has collapsed and what to do."""

    def __init__(self, model: Model, rows: Rows, random: RandomState) -> None:
        self.model, self.rows, self.random = model, rows, random
        self.last: Parameters | None = None  # what the last step gave
        self.totals: MixtureTotals | None = None  # that gave it, as they were mended
        self._spread: tuple[Floats, Floats] | None = None

    def turn_to(self, rows: Rows, last: Parameters, variances: Floats) -> None:
        """The next step is of other rows, centred, of which `last` was found before.

        They may be few: variances (d,) are those of more rows.
        """
        self.rows, self.last = rows, last
        self._spread = np.zeros(len(variances)), variances

    @property
    def spread(self) -> tuple[Floats, Floats]:
        """Mean and variance of every feature, (d,) each, over all rows."""
        if self._spread is None:  # no functools.cached_property: a fork may meet its lock
            self._spread = mean_and_variances(self.rows)
        return self._spread

    @property
    def covariance(self) -> Covariance:
        """Shape of the components."""
        return self.model.covariance

    @property
    def complete(self) -> bool:
        """Whether the caller laid down all parameters to start from."""
        return self.model.complete

    def first(self, totals: MixtureTotals | None) -> Parameters:
        """Parameters of a start."""
        if totals is None:
            self.last = self.model.first(None)
            return self.last
        return self._step(totals, starting=True)

    def update(self, totals: MixtureTotals) -> Parameters:
        """The M-step."""
        return self._step(totals, starting=False)

    def bound(self, totals: MixtureTotals, before: Parameters, after: Parameters) -> float:
        """What EM raises, if nothing collapses."""
        return self.model.bound(totals, before, after)

    def check(self, found: Parameters, totals: MixtureTotals) -> None:
        """CollapseError where the mixture found from totals is none, though the model takes it."""
        # float32 rows are whitened in float32, which has no inverse of a smaller deviation
        least = np.full(found.means.shape, LEAST_VARIANCE[self.rows.dtype])
        self.refuse_flat(found, totals, least)

    def refuse_flat(self, found: Parameters, totals: MixtureTotals, least: Floats) -> None:
        """CollapseError where variances are not above `least` (k, d)."""
        try:
            self.covariance.refuse_flat(found.covariances, least)
        except CollapseError as error:
            raise placed(error, found.covariances, totals, self.covariance) from None

    def mend(
        self, totals: MixtureTotals, error: CollapseError, mended: list[int | None]
    ) -> tuple[MixtureTotals, str]:
        """Totals under which the component has a volume, and what was done.

        `mended` are the components that were mended in this step before.

        Raises
        ------
        CollapseError
            If there is no way to.
        """
        raise error

    def _step(self, totals: MixtureTotals, starting: bool) -> Parameters:
        step = self.model.first if starting else self.model.update
        mended: list[int | None] = []
        events: list[str] = []
        while True:
            try:
                found = step(totals)
                self.check(found, totals)
            except CollapseError as error:
                told = explained(error, totals, self.rows, *self.spread)
                totals, event = self.mend(totals, told, mended)
                mended.append(error.component)
                if event:
                    events.append(event)
            else:
                self.totals, self.last = totals, found._replace(events=tuple(events))
                return self.last


class Mend(Raise):
    """Base of those that go on. A component of equal rows has collapsed, whatever rounding says.

    `Raise` lets it pass, as scikit-learn does, if its variances are not quite zero.
    """

    def check(self, found: Parameters, totals: MixtureTotals) -> None:
        """CollapseError where a variance is rounding only."""
        super().check(found, totals)
        with np.errstate(over="ignore"):  # so far from zero all rows are equal
            least = np.square(rounding(self.rows, found.means))
        self.refuse_flat(found, totals, least)


class Reseed(Mend):
    """The component restarts at a row that is poorly explained, with the covariance of all rows.

    The row is drawn in proportion to its weight times how far its log-likelihood lies below the
    greatest: the rule of k-means++ with log-likelihoods for squared distances.
    """

    def __init__(self, model: Model, rows: Rows, random: RandomState) -> None:
        super().__init__(model, rows, random)
        self.restarts: dict[int, int] = {}
        self.weight = rows.weight[: rows.n].copy()  # in the order of X, whatever that of the tiles

    def turn_to(self, rows: Rows, last: Parameters, variances: Floats) -> None:
        """The next step is of other rows."""
        super().turn_to(rows, last, variances)
        self.weight = rows.weight[: rows.n]

    def mend(
        self, totals: MixtureTotals, error: CollapseError, mended: list[int | None]
    ) -> tuple[MixtureTotals, str]:
        """Totals in which all rows, moved onto the drawn one, make up the component."""
        c = error.component
        if c is None:
            raise error
        if self.restarts.get(c, 0) == RESTARTS:
            error.args = (f"{error} It has been restarted {RESTARTS} times in vain.",)
            raise error
        self.restarts[c] = self.restarts.get(c, 0) + 1
        rows, k = self.rows, len(totals.counts)
        row = int(self.random.choice(rows.n, p=self._probabilities()))
        place = to_frame(rows.X[row : row + 1], rows.frame)[0].astype(np.float64)
        origin = totals.origin.copy()
        origin[c] -= place - overall(rows, self.covariance).means[0]
        others = totals.counts.sum() - totals.counts[c]
        everyone = rows.total
        share = others / ((k - 1) * everyone) if others > 0 else 1.0  # a weight of 1 / k
        column = share * np.eye(k)[c]
        resp = (np.tile(column, (some.stop - some.start, 1)) for some in blocks(rows, k))
        new = accumulate(rows, resp, origin, self.covariance)
        counts, sums, scatter = totals.counts.copy(), totals.sums.copy(), totals.scatter.copy()
        # what collapses alone has second moments of its own: entry c
        counts[c], sums[c], scatter[c] = new.counts[c], new.sums[c], new.scatter[c]
        mended_totals = totals._replace(counts=counts, sums=sums, scatter=scatter)
        return mended_totals, (
            f"{error.reason}. It was restarted at row {row} with the covariance of the whole data."
        )

    def _probabilities(self) -> Floats:
        poor: Floats = self.weight.copy()
        if self.last is not None:
            X, frame, n_threads = self.rows.X, self.rows.frame, self.rows.n_threads
            found = infer(X, frame, self.last, self.covariance, n_threads, log_norm=True)
            log_norm = found.log_norm
            reached = log_norm > -np.inf
            log_norm = np.maximum(log_norm, log_norm[reached].min(initial=0.0))
            depth = poor * (log_norm.max() - log_norm)
            poor = depth if depth.any() else poor
        return poor / poor.sum()


class Regularize(Mend):
    """The least amount is added to the variances of the component that gives it a volume."""

    def __init__(self, model: Model, rows: Rows, random: RandomState) -> None:
        super().__init__(model, rows, random)
        self.known: set[int | None] = set()  # told of: a component may need it in every step

    def mend(
        self, totals: MixtureTotals, error: CollapseError, mended: list[int | None]
    ) -> tuple[MixtureTotals, str]:
        """Totals of a component none of whose eigenvalues is below the floor."""
        c = error.component
        floor = FLOOR * float(self.spread[1].mean())
        if c in mended or error.matrix is None or not floor > 0.0:
            raise error
        shift = floor - _smallest(error.matrix)
        counts = totals.counts + SMALLEST_COUNT
        scatter = self.covariance.widened(totals.scatter, counts, c, shift)
        event = f"{error.reason}. {shift:.3g} was added to its variances."
        event = "" if c in self.known else event
        self.known.add(c)
        return totals._replace(scatter=scatter), event


ON_COLLAPSE: dict[str, type[Raise]] = {
    "raise": Raise,
    "reseed": Reseed,
    "regularize": Regularize,
}


def explained(
    error: CollapseError, totals: MixtureTotals, rows: Rows, mean: Floats, variances: Floats
) -> CollapseError:
    """The error with all that its totals and the rows tell of its cause, and ways out.

    mean and variances (d,) are those of all rows.
    """
    c, matrix = error.component, error.matrix
    if matrix is None:
        return error
    with np.errstate(over="ignore"):
        held = np.ldexp(
            totals.counts.sum() if c is None else totals.counts[c], rows.weight_exponent
        )
    reason = (
        f"{error.reason}; it holds a total weight of {held:.3g} (a row counts 1 without "
        f"sample_weight), and the smallest eigenvalue of its covariance is {_smallest(matrix):.3g}"
    )
    text = " ".join([COLLAPSED, f"{reason}.", *_flat(matrix, rows, mean, variances), WAYS_OUT])
    return CollapseError(c, reason, matrix, text)


def _smallest(matrix: Floats) -> float:
    return float(np.linalg.eigvalsh(matrix)[0])


def _flat(matrix: Floats, rows: Rows, mean: Floats, variances: Floats) -> list[str]:
    """Sentences about features that do not vary."""
    constant = constant_features(rows, mean, variances)
    within = ~constant & (np.diagonal(matrix) <= EPSILON * variances)
    return [
        f"Constant {where}: feature {', '.join(map(str, np.flatnonzero(which)))}{advice}."
        for where, which, advice in (
            ("in all rows", constant, " (leave it out of X)"),
            ("within the component", within, ""),
        )
        if which.any()
    ]
