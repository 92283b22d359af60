"""What the parts of the engine hand to each other."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


class Frame(NamedTuple):
    """Where rows are held inside: (x - origin) / 2**exponent."""

    origin: Array  # (d,) in the dtype of the rows
    exponent: int  # 0 for mixtures, whose reg_covar is an absolute number


class Wishart(NamedTuple):
    """What is believed of every component's covariance."""

    covariance: Floats  # times the degrees of freedom; of the type's prior_shape
    degrees_of_freedom: float  # rows that this belief is worth


def scale(X: Array, frame: Frame) -> Any:
    """A power of two of X's dtype: in the frame X is (X - frame.origin) * scale."""
    return X.dtype.type(math.ldexp(1.0, -frame.exponent))


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows, packed for the kernels as soon as somebody asks for their tiles."""

    X: Array  # (n, d) as the caller holds them; (0, d) of rows that are in tiles alone
    weight: Floats  # (n_tiles * R,) row weights / 2**weight_exponent, zero where padded
    total: float  # of the weights
    n: int  # number of rows
    frame: Frame  # of the tiles
    weight_exponent: int  # of the weights
    n_threads: int | None  # as asked for by the caller
    pack: "Callable[[Rows], Array]"  # makes the tiles
    largest: float | None = None  # absolute value in the frame; None: whoever wants it has to look
    clusterings: dict[Any, Any] | None = None  # found so far, for fits to come; None: not kept

    @property
    def tiles(self) -> Array:
        """(n_tiles, d, R), zero where padded."""
        # not functools.cached_property: its lock (Python < 3.12) may be held when a process forks
        kept = vars(self)
        if "_tiles" not in kept:
            kept["_tiles"] = self.pack(self)
        tiles: Array = kept["_tiles"]
        return tiles

    @property
    def packed(self) -> bool:
        """Are there tiles already?"""
        return "_tiles" in vars(self) or len(self.X) < self.n

    @property
    def d(self) -> int:
        """Number of features."""
        return self.X.shape[1]

    @property
    def dtype(self) -> Any:
        """That of X and of the tiles."""
        return self.X.dtype

    @property
    def scale(self) -> Any:
        """The tiles hold (X - frame.origin) * scale."""
        return scale(self.X, self.frame)


class View(NamedTuple):
    """Rows as the caller holds them, to be read in a frame."""

    X: Array  # (n, d)
    weight: Floats | None  # (n,) row weights / 2**weight_exponent; None: 1
    n: int  # number of rows
    frame: Frame
    weight_exponent: int  # of the weights
    n_threads: int | None  # as asked for by the caller

    @property
    def scale(self) -> Any:
        """As that of Rows."""
        return scale(self.X, self.frame)


class SparseRows(NamedTuple):
    """Rows in compressed form, CSR; their frame has its origin at zero."""

    data: Array  # (nnz,) values in the frame
    indices: NDArray[np.int32]  # (nnz,) their features, ascending within a row
    indptr: NDArray[np.int32]  # (n + 1,) where every row begins
    weight: Floats  # (n,) row weights / 2**weight_exponent
    n: int  # number of rows
    frame: Frame
    weight_exponent: int  # of the weights
    n_threads: int | None  # as asked for by the caller


AnyRows = (
    Any  # Rows, SparseRows or ChunkedRows: what takes these looks at their type (singledispatch)
)


def read_how(rows: AnyRows) -> str | None:
    """How rows that are read in every pass are read, in messages; None: they are in memory."""
    return getattr(rows, "read", None)


class KMeansTotals(NamedTuple):
    """What one pass of k-means adds up."""

    counts: Floats  # (k,) weight of every cluster
    sums: Floats  # (k, d) weighted sum of its rows
    objective: float  # weighted squared distances to the nearest centers
    changed: int  # rows that changed label


class Inspection(NamedTuple):
    """Distances of rows to the centers they are assigned to."""

    sq_dist: Array  # (>= n,) squared; (0,) where only their sum was asked for
    objective: float | None  # their weighted sum; None: the last pass has told it exactly


class KMeansResult(NamedTuple):
    """One finished run of k-means, in the frame of its rows."""

    centers: Array  # (k, d) in the dtype of the rows
    labels: Any  # (n,) int32; None: the run was interrupted, nobody has asked for those of these centers
    objective: float  # of labels and centers
    n_iter: int  # passes that moved centers
    converged: bool  # labels or centers came to rest before max_iter
    history: list[float]  # objective of every pass
    state: Any  # of the algorithm: a later run on the same rows begins with it
    skipped: list[float]  # by pass, the share of the distances that was not computed


class MixtureTotals(NamedTuple):
    """What one pass of EM adds up; totals with the same origin may be added."""

    counts: Floats  # (k,) weight of every component
    sums: Floats  # (k, d) weighted rows minus origin
    scatter: Floats  # second moments about origin, lower triangles, as the type has them
    objective: float  # weighted log-likelihood under the parameters that gave the totals
    n_rows: float  # total weight of the rows
    origin: Floats  # (k, d) means of the last step


class Posterior(NamedTuple):
    """What a Bayesian mixture knows about its parameters, beside their expected values."""

    concentration: tuple[Floats, ...]  # of the weights: (k,), one or two of them
    mean_precision: Floats  # (k,) in units of the components' precisions
    degrees_of_freedom: Floats  # (k,) of the precisions; () where all components share one


class Parameters(NamedTuple):
    """A mixture, in the frame of its rows."""

    weights: Floats  # (k,)
    means: Floats  # (k, d)
    covariances: Floats  # as the type has them
    factor: Floats  # whitening: W lower triangular, or 1 / standard deviation
    log_const: Floats  # (k,) all of the log-probability but the Mahalanobis distance
    posterior: Posterior | None = None  # of a Bayesian mixture
    events: tuple[str, ...] = ()  # what was done about components that collapsed in this step


class MixtureResult(NamedTuple):
    """One finished run of EM."""

    parameters: Parameters
    n_iter: int  # passes over the rows
    converged: bool  # the bound moved by less than tol
    history: list[float]  # bound before every step; a pass whose leap was refused has none
    events: tuple[str, ...] = ()  # what was done about components that collapsed
    passes: tuple[str, ...] = ()  # how each was done
    reason: str = ""  # for the last of them

    @property
    def bound(self) -> float:
        """The last bound; -inf where no step was done."""
        return self.history[-1] if self.history else -np.inf


class KMeansInit(NamedTuple):
    """Record of one initialisation of k-means, an entry of `init_results_`."""

    n_iter: int
    converged: bool
    inertia: float
    history: list[float]  # inertia of every pass
    best: bool  # the run that was kept
    seeds: NDArray[np.int64] | None = (
        None  # (k,) rows it started from; None where centers were given
    )
    algorithm: str | None = None  # that did the passes
    skipped: float = 0.0  # share of the distances of rows to centers that it did not compute
    breath: int = 0  # number of the breath (n_init='breathing') that it followed; 0: a start


class MixtureInit(NamedTuple):
    """Record of one initialisation of a mixture, an entry of `init_results_`."""

    n_iter: int
    converged: bool
    lower_bound: float
    history: list[float]  # bound before every EM step
    best: bool  # the run that was kept
    error: str | None  # why the run failed
    events: tuple[str, ...] = ()  # what was done about components that collapsed
