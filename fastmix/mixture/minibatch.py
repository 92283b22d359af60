"""The mixture of maximum likelihood on batches of rows."""

from collections.abc import Callable, Iterable, Iterator
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

from fastmix import _validation as validation
from fastmix.engine import stepwise
from fastmix.engine.collapse import ON_COLLAPSE, Raise
from fastmix.engine.covariance import Covariance
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.em import Model, reached
from fastmix.engine.likelihood import Likelihood
from fastmix.engine.passes import expect
from fastmix.engine.report import Log
from fastmix.engine.results import (
    Array,
    Floats,
    Frame,
    MixtureInit,
    MixtureResult,
    MixtureTotals,
    Parameters,
    Rows,
)
from fastmix.engine.rows import frame_of, measure, pack
from fastmix.engine.runs import best_of
from fastmix.engine.shares import mean_and_variances
from fastmix.mixture._base import covariance_shape
from fastmix.mixture._likelihood import LikelihoodMixture
from fastmix.saving import compounds, kinds
from fastmix.sources import RowsLike

HISTORY = 10_000  # batches of a stream that lower_bounds_ tells of
START_BATCHES = 3  # among whose rows fit looks for a start


class Waiting(NamedTuple):
    """The first rows of a stream, until they are enough."""

    X: Array  # (n, d)
    weight: Floats  # (n,)


def _scatter_shape(known: kinds.Known) -> tuple[int, ...]:
    """Shape of the second moments of what has been read."""
    return COVARIANCES[known["_fitted_type"]].scatter_shape(known["k"], known["d"])


def _wide(*symbols: str, **options: Any) -> kinds.Numbers:
    """Numbers of the engine, which are float64 whatever the rows are."""
    return kinds.Numbers(*symbols, dtypes=(np.float64,), **options)


_TOTALS = compounds.Made(
    {
        "counts": _wide("k", least=0),
        "sums": _wide("k", "d"),
        "scatter": _wide(shape=_scatter_shape),
        "objective": kinds.Real(),
        "n_rows": kinds.Real(0.0),
        "origin": _wide("k", "d"),
    },
    MixtureTotals._asdict,
    MixtureTotals,
)
_PARAMETERS = compounds.Made(
    {
        "weights": _wide("k", least=0),
        "means": _wide("k", "d"),
        "covariances": _wide(shape=covariance_shape),
        "factor": _wide(shape=covariance_shape),
        "log_const": _wide("k", finite=False),
    },
    Parameters._asdict,
    Parameters,
)
_MEMORY = compounds.Made(
    {
        "origin": _wide("d"),
        "parameters": _PARAMETERS,
        "totals": _TOTALS,
        "average": _TOTALS,
        "n_averaged": kinds.Whole(),
        "seen": kinds.Real(0.0),
        "weight_exponent": kinds.Whole(-1100, 1100),
        "variances": _wide("d", least=0),
    },
    stepwise.Memory._asdict,
    stepwise.Memory,
)
_WAITING = compounds.Made(
    {"X": kinds.Numbers("waiting", "d"), "weight": _wide("waiting", least=0)},
    Waiting._asdict,
    Waiting,
)


class MiniBatchGaussianMixture(LikelihoodMixture):
    """Gaussian mixture model, fitted by stepwise EM on batches of rows, compiled and parallel.

    For more rows than :class:`GaussianMixture` has time for, and by :meth:`partial_fit` for streams
    without an end: what is remembered of the rows has a fixed size. scikit-learn has no such class;
    :meth:`to_sklearn` gives its :class:`~sklearn.mixture.GaussianMixture`. The bits of the result do
    not depend on the number of threads.

    Parameters
    ----------
    n_components : int, default=1
        Number of components, k.
    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Shape of the components, as in :class:`GaussianMixture`.
    tol : float, default=1e-3
        Epochs stop when the mean log-likelihood of their batches moves by less than this.
    reg_covar : float, default=1e-6
        Added to every variance, in squared units of X. See ``relative_reg_covar``.
    max_iter : int, default=100
        Most epochs, each of which takes in every row once; with 0 the start is kept.
    batch_size : int, default=1024
        Rows in a batch of fit, about. Smaller batches are more steps an epoch, and noisier ones. With
        as many as X has rows, every epoch is an EM iteration.
    learning_decay : float, default=0.6
        How fast steps become smaller, above 0.5 and at most 1: the n-th of equal batches moves what
        is remembered by n**-learning_decay of the way. With 1 it is the mean of all batches, whose
        first ones were judged by a poor mixture.
    forgetting : float, default=0.0
        Least share, from 0 to 1, of a batch in what is remembered, which so is of about
        1/forgetting batches: for streams that drift. With 1 every batch stands for itself.
    n_init : int, default=1
        Number of starts, of which the one of greatest likelihood is kept.
    init_params : str, callable or array-like, default='kmeans'
        How the first rows are shared out at the start, as in :class:`GaussianMixture`. Labels or
        responsibilities are of all rows of X; :meth:`partial_fit` does not take them.
    init_size : int or None, default=None
        First rows among which a start is looked for. None means as many as the mixture can be made
        of: 20 a component, and ten numbers a parameter; in fit, three batches where these are more.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from; None leaves them to init_params.
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from.
    precisions_init : array-like or float, default=None
        Precisions (inverse covariances) to start from, of the shape of ``covariances_``. With all
        three given, no start is looked for.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts, the batches and of :meth:`sample`.
    verbose : int, default=0
        1 prints epochs, 2 adds times and changes.
    verbose_interval : int, default=1
        Epochs between two such lines.
    on_collapse : {'raise', 'reseed', 'regularize'}, default='raise'
        What is done when a component loses its volume, as in :class:`GaussianMixture`. 'reseed' draws
        a row of the batch, and takes the covariance of the batch.
    relative_reg_covar : bool, default=False
        Whether reg_covar is a fraction of the mean variance of the features among the first rows.
    n_threads : int or None, default=None
        Most threads to use; None means all CPUs of the process. It never changes the result.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Share of every component; they sum to 1.
    means_ : ndarray of shape (n_components, n_features)
        Means.
    covariances_ : ndarray
        Covariances, of a shape by ``covariance_type``.
    precisions_ : ndarray
        Their inverses, of the same shape.
    precisions_cholesky_ : ndarray
        As those of :class:`GaussianMixture`.
    converged_ : bool
        Whether fit came to rest within ``max_iter`` epochs.
    n_iter_ : int
        Epochs of fit.
    n_steps_ : int
        Batches so far.
    lower_bound_ : float
        Mean log-likelihood of the rows of the last epoch, each before its batch moved the mixture;
        after :meth:`partial_fit` that of its batch.
    lower_bounds_ : list of float
        The same of every batch; of a stream, of the last 10,000.
    init_results_ : list
        One record for every start, of the rows it was looked for among: ``lower_bound``, ``best``,
        ``error`` if it failed, ``events``; ``n_iter``, ``converged`` and ``history`` are those of the
        fit that went on from the best.
    fit_report_ : FitReport
        Seconds of the fit by phase, and n_threads.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where all of them are strings.

    See Also
    --------
    GaussianMixture : Uses all rows in every iteration.
    MiniBatchKMeans : Centers of clusters, by batches.

    Notes
    -----
    Totals of the rows (weights, sums and second moments of the components) are remembered, those of
    a batch are added, and what was there before counts less [1]_ [2]_. The mixture that is kept is
    that of totals averaged over about the last eighth of the steps [3]_, unless ``forgetting`` is
    used. Steps begin once the first rows have given a start. Time as that of as many iterations of
    :class:`GaussianMixture` as there are epochs, and O(k d^3) a step. Memory: copies of a batch, and
    28 bytes a row in fit.

    References
    ----------
    .. [1] Cappé, O. and Moulines, E. (2009). On-line expectation-maximization algorithm for latent
       data models. Journal of the Royal Statistical Society B 71(3), 593-613.
       doi:10.1111/j.1467-9868.2009.00698.x
    .. [2] Liang, P. and Klein, D. (2009). Online EM for unsupervised models. NAACL 2009, 611-619.
       doi:10.3115/1620754.1620843
    .. [3] Shamir, O. and Zhang, T. (2013). Stochastic gradient descent for non-smooth optimization:
       convergence results and optimal averaging schemes. ICML 2013, 71-79.
       doi:10.48550/arXiv.1212.1824

    Examples
    --------
    >>> import numpy as np
    >>> from fastmix import MiniBatchGaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> def batch(n):
    ...     return rng.normal(size=(n, 1)) + 9.0 * rng.integers(2, size=(n, 1))
    >>> model = MiniBatchGaussianMixture(n_components=2, random_state=0).fit(batch(5000))
    >>> np.sort(model.means_, axis=0).round(1)
    array([[0.],
           [9.]])
    >>> stream = MiniBatchGaussianMixture(n_components=2, random_state=0)
    >>> for _ in range(50):
    ...     stream = stream.partial_fit(batch(100))
    >>> np.sort(stream.means_, axis=0).round()
    array([[0.],
           [9.]])
    """

    _only_here = LikelihoodMixture._only_here | {"n_steps_"}
    _parameter_constraints = {
        **{
            name: kind
            for name, kind in LikelihoodMixture._parameter_constraints.items()
            if name != "warm_start"
        },
        "batch_size": [validation.Interval(Integral, 1, None, closed="left")],
        "learning_decay": [validation.Interval(Real, 0.5, 1.0, closed="right")],
        "forgetting": [validation.Interval(Real, 0.0, 1.0, closed="both")],
        "init_size": [validation.Interval(Integral, 1, None, closed="left"), None],
    }
    _saved = {
        **LikelihoodMixture._saved,
        "n_steps_": kinds.Whole(),
        "_random_state": compounds.STREAM,
        "_memory": _MEMORY,
        "_waiting": _WAITING,
    }
    _needed = {
        **LikelihoodMixture._needed,
        "_memory": ("_fitted_type",),
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        batch_size: int = 1024,
        learning_decay: float = 0.6,
        forgetting: float = 0.0,
        n_init: int = 1,
        init_params: str | Callable[..., ArrayLike] | ArrayLike = "kmeans",
        init_size: int | None = None,
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | RandomState | None = None,
        verbose: int = 0,
        verbose_interval: int = 1,
        on_collapse: str = "raise",
        relative_reg_covar: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_decay = learning_decay
        self.forgetting = forgetting
        self.n_init = n_init
        self.init_params = init_params
        self.init_size = init_size
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.on_collapse = on_collapse
        self.relative_reg_covar = relative_reg_covar
        self.n_threads = n_threads

    # --- all rows at once ------------------------------------------------------------------------

    def _fit(self, X: RowsLike, sample_weight: ArrayLike | None) -> NDArray[Any]:
        log = Log()
        with validation.all_or_nothing(self):
            array = validation.rows(self, X, reset=True, min_samples=2)
            weight = validation.weights(sample_weight, array)
            held = np.arange(len(array)) if weight is None else np.flatnonzero(weight)
            self._check_enough(len(held), len(array))
            given = self._given_shares(array)
            n_runs = self._runs(given is not None)
            self._forget()
            log.lap("checks")
            random = validation.random_state(self.random_state)
            order = random.permutation(held)
            first = self._first_rows(array, order)
            rows = self._rows(array, weight, first)
            log.lap("rows")
            its = None if given is None else given[first]
            memory, records = self._beginning(array[first], rows, its, random, n_runs)
            log.lap("starts")
            course = stepwise.run(
                memory,
                self._epochs(array, weight, order, len(first), random),
                self._policy(memory, rows, random),
                self._schedule(array.shape[1], 1.0 if self.batch_size >= len(held) else None),
                tol=self.tol,
                max_iter=self.max_iter,
                verbose=self.verbose,
                verbose_interval=self.verbose_interval,
            )
            log.lap("passes")
            self._memory = course.memory
            self._keep_course(course, array.dtype, records)
            self.fit_report_ = log.report(self.n_threads)
        if self.verbose > 1:
            print(self.fit_report_)
        return array

    def _first_rows(self, X: NDArray[Any], order: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the first rows of the order, which are the first batch."""
        if self.batch_size >= len(order):
            return order
        if self._is_given():
            return order[: self.batch_size]
        enough = stepwise.enough(self._covariance(), self.n_components, X.shape[1])
        size = self.init_size or max(START_BATCHES * self.batch_size, enough)
        return order[: max(size, self.n_components)]

    def _epochs(
        self,
        X: NDArray[Any],
        weight: Floats | None,
        order: NDArray[np.int64],
        n_first: int,
        random: RandomState,
    ) -> Iterator[Iterable[Rows]]:
        """Batches of the rows in the order, and in others after that."""
        parts = [order[:n_first], *self._batches(order[n_first:])]
        while True:
            yield (self._rows(X, weight, part) for part in parts)
            parts = self._batches(random.permutation(order))

    def _batches(self, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The order in parts of about equal size."""
        return np.array_split(order, -(-len(order) // self.batch_size)) if len(order) else []

    def _keep_course(
        self, course: stepwise.Course, dtype: np.dtype[Any], records: list[MixtureInit]
    ) -> None:
        """Set the fitted attributes."""
        found = MixtureResult(
            self._found(course.memory),
            course.n_iter,
            course.converged,
            course.history,
            course.events,
        )
        told = [
            record._replace(
                n_iter=course.n_iter,
                converged=course.converged,
                lower_bound=course.bound,
                history=course.history,
                events=record.events + course.events,
            )
            if record.best
            else record
            for record in records
        ]
        frame = Frame(course.memory.origin.astype(dtype), 0)
        self._keep(frame, dtype, found, told)
        self._tell(found)
        self.lower_bound_ = course.bound
        self.n_steps_ = len(course.history)

    def _forget(self) -> None:
        """Drop what an earlier fit has left."""
        for name in ("_memory", "_waiting", "_random_state"):
            if hasattr(self, name):
                delattr(self, name)

    # --- batch by batch --------------------------------------------------------------------------

    @validation.checked_fit
    def partial_fit(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Move the mixture towards one batch of rows.

        The first rows give a start: until there are ``init_size`` of them they are kept, and every
        call looks for a start among all of them. A mixture that was fitted, or laid down by
        :meth:`from_parameters` or all of the ``*_init`` parameters, goes on.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The batch: at first at least two rows and ``n_components``.
        y : object
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How often every row counts, not negative; None means 1. Scaling the weights of all batches
            alike changes nothing.

        Returns
        -------
        self : MiniBatchGaussianMixture
            The estimator.

        Raises
        ------
        ValueError
            If X or a parameter is not as described, or if a component collapses; the estimator is
            then as it was before.
        """
        with validation.all_or_nothing(self):
            first = not hasattr(self, "means_")
            array = validation.rows(self, X, reset=first, min_samples=2 if first else 1)
            weight = validation.weights(sample_weight, array)
            dtype = array.dtype if first else self.means_.dtype
            if not first:
                self._check_fitted_type()
                self._check_same_shape(array, "partial_fit", "Set it back")
                array = array.astype(np.result_type(array, dtype), copy=False)
            if weight is not None:
                array, weight = array[weight > 0], weight[weight > 0]
            if not hasattr(self, "_random_state"):
                self._random_state = validation.random_state(self.random_state)
            if hasattr(self, "_memory"):
                rows: Rows | None = self._rows(array, weight)
            else:
                rows = self._first_batch(array, weight, first)
            if rows is not None:
                policy = self._policy(self._memory, rows, self._random_state)
                self._memory, bound = stepwise.step(
                    self._memory, rows, policy, self._schedule(rows.d)
                )
                for event in self._memory.parameters.events:
                    validation.warn(event, RuntimeWarning)
                self._keep_mixture(self._found(self._memory), rows.frame, dtype)
                self._count(bound)
        return self

    def _first_batch(self, X: NDArray[Any], weight: Floats | None, first: bool) -> Rows | None:
        """Rows for the first step, `_memory` being set; None where more have to come before that."""
        if not first and not hasattr(self, "_waiting"):
            rows = self._rows(X, weight)
            self._memory = self._worth(self._parameters(rows.frame), rows)
            return rows
        if not (isinstance(self.init_params, str) or callable(self.init_params)):
            raise ValueError(
                "init_params gives labels or responsibilities, but a stream has rows that nobody knows "
                "yet. Name a start, give a callable, or give means_init; or call fit."
            )
        new = Waiting(X, np.ones(len(X)) if weight is None else weight)
        old: Waiting | None = getattr(self, "_waiting", None)
        gathered = new if old is None else Waiting(*map(np.concatenate, zip(old, new, strict=True)))
        self._check_enough(len(gathered.X), len(gathered.X))
        rows = self._rows(*gathered)
        memory, records = self._beginning(
            gathered.X, rows, None, self._random_state, int(self.n_init)
        )
        self.init_results_ = records
        enough = stepwise.enough(self._covariance(), self.n_components, X.shape[1])
        if self._is_given() or len(gathered.X) >= (self.init_size or enough):
            self._memory = memory
            if old is not None:
                delattr(self, "_waiting")
            return rows
        self._waiting = gathered
        self._keep_mixture(
            memory.parameters, rows.frame, new.X.dtype if first else self.means_.dtype
        )
        self._count(next(record.lower_bound for record in records if record.best))
        return None

    def _count(self, bound: float) -> None:
        """One more batch, of this mean log-likelihood."""
        self.n_steps_ = getattr(self, "n_steps_", 0) + 1
        self.lower_bound_ = bound
        self.lower_bounds_ = [*getattr(self, "lower_bounds_", [])[1 - HISTORY :], bound]
        if self.verbose:
            print(f"  Batch {self.n_steps_}\t log-likelihood {bound:.5f}")

    # --- both --------------------------------------------------------------------------------------

    def _covariance(self) -> Covariance:
        return COVARIANCES[self.covariance_type]

    def _is_given(self) -> bool:
        """Are weights, means and precisions all laid down?"""
        given = self.weights_init, self.means_init, self.precisions_init
        return all(part is not None for part in given)

    def _rows(
        self, X: NDArray[Any], weight: Floats | None, some: NDArray[np.int64] | None = None
    ) -> Rows:
        """A batch in a frame of its own: a stream may drift as far as it likes."""
        if some is not None:
            X, weight = X[some], None if weight is None else weight[some]
        frame = frame_of(X, measure(X, self.n_threads), normalise=False)
        return pack(X, frame, weight, self.n_threads)

    def _beginning(
        self,
        X: NDArray[Any],
        rows: Rows,
        given: Array | None,
        random: RandomState,
        n_runs: int,
    ) -> tuple[stepwise.Memory, list[MixtureInit]]:
        """The memory of the best of several starts, and a record of each."""
        model = self._model(rows)
        best, records = best_of(n_runs, lambda: self._one_start(X, rows, given, model, random))
        for event in best.events:
            validation.warn(event, RuntimeWarning)
        if model.complete:
            return self._worth(best.parameters, rows), records
        start = best.parameters._replace(events=())
        return self._worth(start, rows, 0), records

    def _one_start(
        self, X: NDArray[Any], rows: Rows, given: Array | None, model: Model, random: RandomState
    ) -> MixtureResult:
        """A start, and the mean log-likelihood of the rows."""
        policy = ON_COLLAPSE[self.on_collapse](model, rows, random)
        found = self._start(X, rows, given, policy, random)
        totals = reached(expect(rows, found, self._covariance()))
        return MixtureResult(found, 0, False, [totals.objective / totals.n_rows], found.events)

    def _worth(self, found: Parameters, rows: Rows, n_rows: int | None = None) -> stepwise.Memory:
        """The memory of a mixture that counts as much as so many rows, or as just enough for it."""
        covariance = self._covariance()
        n_rows = stepwise.enough(covariance, *found.means.shape) if n_rows is None else n_rows
        variances = mean_and_variances(rows)[1]
        return stepwise.beginning(found, rows, n_rows, covariance, variances)

    def _schedule(self, d: int, forgetting: float | None = None) -> stepwise.Schedule:
        """How much a batch counts."""
        return stepwise.Schedule(
            float(self.learning_decay),
            float(self.forgetting) if forgetting is None else forgetting,
            stepwise.enough(self._covariance(), self.n_components, d),
        )

    def _policy(self, memory: stepwise.Memory, rows: Rows, random: RandomState) -> Raise:
        """What makes the steps, and looks after components that collapse."""
        return ON_COLLAPSE[self.on_collapse](self._likelihood(memory), rows, random)

    def _likelihood(self, memory: stepwise.Memory) -> Likelihood:
        """What is raised, once there is a start."""
        # by the first rows: a batch may be a single one
        return Likelihood(self._covariance(), self._reg_covar(lambda: memory.variances))

    def _found(self, memory: stepwise.Memory) -> Parameters:
        """The mixture that is kept."""
        return stepwise.averaged(memory, self._likelihood(memory))

    # --- conversion ------------------------------------------------------------------------------

    def _different_there(self) -> dict[str, Any]:
        never_said = {"converged_": False, "n_iter_": 0}  # by partial_fit
        known = vars(self).keys()
        missing = {name: value for name, value in never_said.items() if name not in known}
        return {**super()._different_there(), **missing}

    def _complete(self) -> None:
        super()._complete()
        self.n_steps_ = 0
