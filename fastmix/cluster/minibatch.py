"""k-means on batches of rows."""

import math
from copy import deepcopy
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

from fastmix import _validation as validation
from fastmix.cluster._base import KMeansFamily, placed
from fastmix.cluster._callbacks import Task, with_callbacks
from fastmix.engine import kmeans, minibatch
from fastmix.engine.predictions import nearest
from fastmix.engine.results import AnyRows, Array, Frame, KMeansInit
from fastmix.engine.rows import frame_of, mean_variance, measure, pack
from fastmix.engine.seeds import Urn
from fastmix.saving import compounds, kinds


class MiniBatchKMeans(KMeansFamily):
    """k-means on random batches of rows, compiled and parallel.

    Drop-in for :class:`sklearn.cluster.MiniBatchKMeans`: the same parameters, attributes and, in
    float64, from the same integer seed the same result, but for rows that are equally near to two
    centers to rounding. For more rows than :class:`KMeans` has time for, and by :meth:`partial_fit`
    for rows that come in portions, whose clusters may drift where ``forgetting`` is used. The bits of
    the result do not depend on the number of threads.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, k.
    init : {'k-means++', 'random'}, callable or array-like of shape (n_clusters, n_features), \
default='k-means++'
        Where the centers start: at rows spread out by greedy k-means++, at random rows, at the answer
        of ``init(X, n_clusters, random_state=...)``, or as given.
    max_iter : int, default=100
        Batches stop after so many times the number of rows.
    batch_size : int, default=1024
        Rows in a batch, drawn with replacement in proportion to their weights.
    verbose : int, default=0
        Whether to print the inertia of every step.
    compute_labels : bool, default=True
        Whether to label all rows in the end; without it ``inertia_`` is an estimate.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts, the batches and reassignments.
    tol : float, default=0.0
        Steps stop when the squared shifts of all centers sum up to at most ``tol`` times the mean
        variance of the features; 0 for never.
    max_no_improvement : int or None, default=10
        Steps stop after so many without a new minimum of the smoothed inertia; None for never.
    init_size : int or None, default=None
        Rows among which a start is looked for; None means three batches, or three rows a cluster
        where that would be less than one.
    n_init : 'auto' or int, default='auto'
        Number of starts, of which the one of least inertia is kept. 'auto' is 1 for 'k-means++' and
        arrays, 3 for 'random' and callables.
    reassignment_ratio : float, default=0.01
        Centers whose count is below this share of the greatest one jump to random rows of a batch now
        and then; 0 for never.
    forgetting : float, default=0.0
        Share, from 0 to 1, by which the rows of earlier batches count less with every batch: for
        streams that drift. What is remembered then is of about 1/forgetting batches; with 0 of all,
        with 1 of the last. scikit-learn has no such parameter.
    n_threads : int or None, default=None
        Most threads to use; None means all CPUs of the process. It never changes the result.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centers, in the dtype of X.
    labels_ : ndarray of shape (n_samples,), int32
        Cluster of every row (of the last batch after :meth:`partial_fit`); with ``compute_labels``.
    cluster_sizes_ : ndarray of shape (n_clusters,), int64
        Number of rows in every cluster; with ``compute_labels``.
    inertia_ : float
        Weighted sum of squared distances to the nearest centers, of the rows that ``labels_`` are of.
    n_iter_ : int
        Times that the number of rows was drawn, rounded up.
    n_steps_ : int
        Batches so far.
    inertia_history_ : ndarray of shape (n_steps_,)
        Inertia a row of every batch before it moved the centers.
    fit_report_ : FitReport
        Seconds of the fit by phase, and n_threads.
    init_results_ : list
        One record for every start: inertia of the rows that starts are compared by, seeds, best; n_iter
        and converged of the one that was kept.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where all of them are strings.

    See Also
    --------
    KMeans : Uses all rows in every iteration.

    Notes
    -----
    Every center is the mean of all rows that were nearest to it when they were drawn [1]_, earlier
    ones with less weight where ``forgetting`` is used. Time
    O(batch_size k d) a step and O(n k d) for the labels. Memory: 36 bytes a row and copies of a batch;
    :meth:`partial_fit` holds one copy of its rows.

    References
    ----------
    .. [1] Sculley, D. (2010). Web-scale k-means clustering. WWW 2010, 1177-1178.
       doi:10.1145/1772690.1772862

    Examples
    --------
    >>> import numpy as np
    >>> from fastmix import MiniBatchKMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = MiniBatchKMeans(n_clusters=2, random_state=0, batch_size=4).fit(X)
    >>> model.predict([[0, 0], [12, 3]])
    array([1, 0], dtype=int32)
    >>> model = MiniBatchKMeans(n_clusters=2, random_state=0)
    >>> model.partial_fit(X[:4]).partial_fit(X[4:]).n_steps_
    2
    """

    _counterpart = "sklearn.cluster.MiniBatchKMeans"
    _parameter_constraints = {
        **KMeansFamily._parameter_constraints,
        "batch_size": [validation.Interval(Integral, 1, None, closed="left")],
        "compute_labels": ["boolean"],
        "max_no_improvement": [validation.Interval(Integral, 0, None, closed="left"), None],
        "init_size": [validation.Interval(Integral, 1, None, closed="left"), None],
        "reassignment_ratio": [validation.Interval(Real, 0, None, closed="left")],
        "forgetting": [validation.Interval(Real, 0.0, 1.0, closed="both")],
    }
    _saved = {
        **KMeansFamily._saved,
        "n_iter_": kinds.Whole(),
        "n_steps_": kinds.Whole(),
        "_batch_size": kinds.Whole(1),
        "_init_size": kinds.Whole(1),
        "_centers": compounds.Made(
            {
                "points": kinds.Numbers("k", "d"),
                "counts": kinds.Numbers("k", dtypes=(np.float64,), least=0),
                "batch_size": kinds.Whole(1),
                "ratio": kinds.Real(0.0),
                "since": kinds.Whole(),
            },
            vars,
            minibatch.Centers.remembering,
        ),
        "_random_state": compounds.STREAM,
    }
    _runs_by_chance = 3

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: int | RandomState | None = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: int | str = "auto",
        reassignment_ratio: float = 0.01,
        forgetting: float = 0.0,
        n_threads: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
        self.forgetting = forgetting
        self.n_threads = n_threads

    # --- conversion ------------------------------------------------------------------------------

    def _different_there(self) -> dict[str, Any]:
        private = {
            **super()._different_there(),
            "_counts": self._centers.counts.astype(self.cluster_centers_.dtype),
            "_n_since_last_reassign": self._centers.since,
            "_batch_size": self._centers.batch_size,
        }
        if hasattr(self, "_random_state"):  # of partial_fit
            private["_random_state"] = deepcopy(self._random_state)
        return private

    def _take_private(self, model: Any) -> None:
        points = self._fitted_frame()[1]
        self._centers = minibatch.Centers.remembering(
            points=points,
            counts=model._counts.astype(np.float64),
            batch_size=model._batch_size,
            ratio=self.reassignment_ratio,
            since=model._n_since_last_reassign,
        )
        if hasattr(model, "_random_state"):
            self._random_state = deepcopy(model._random_state)

    # --- all rows at once ------------------------------------------------------------------------

    @with_callbacks
    @validation.checked_fit
    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the centers by batches of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to cluster, sparse ones in CSR form; float32 stays float32, everything else becomes
            float64.
        y : object
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of every row, not negative; None means 1. Scaling all weights changes only
            ``inertia_``.

        Returns
        -------
        self : MiniBatchKMeans
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or a parameter is not as described; the estimator is then as it was before.
        """
        with self._fitting(X, sample_weight, 1) as (task, array, weight, log):
            given = self._given(array)
            self._plan(array)
            frame = frame_of(array, measure(array, self.n_threads), normalise=True)
            whole = None
            if self.compute_labels or self.tol > 0:
                whole = pack(array, frame, weight, self.n_threads)
            log.lap("rows")
            random = validation.random_state(self.random_state)
            checked = random.randint(0, array.shape[0], self._init_size)
            points, records = self._best_start(array, weight, frame, given, checked, random)
            log.lap("starts")
            self._centers = minibatch.Centers(points, self._batch_size, self.reassignment_ratio)
            course = self._all_steps(array, weight, frame, whole, random, task)
            log.lap("passes")
            self._forget()
            self._keep_centers(self._centers.points, frame)
            self.n_steps_ = len(course.history)
            self.n_iter_ = math.ceil(self.n_steps_ * self._batch_size / array.shape[0])
            self.inertia_history_ = np.array(course.history)
            self.init_results_ = [
                record._replace(
                    n_iter=self.n_iter_, converged=course.converged, history=course.history
                )
                if record.best
                else record
                for record in records
            ]
            if self.compute_labels:
                self._label(whole)
            else:
                with np.errstate(over="ignore"):
                    total = array.shape[0] if weight is None else float(weight.sum())
                self.inertia_ = kmeans.finite(course.smoothed * total)
        return self

    def _all_steps(
        self,
        X: Any,
        weight: NDArray[Any] | None,
        frame: Frame,
        whole: AnyRows | None,
        random: RandomState,
        task: Task,
    ) -> minibatch.Course:
        """Batches of X until the centers come to rest; every row drawn counts once, whatever its weight."""
        n = X.shape[0]
        tolerance = self.tol * mean_variance(whole) if self.tol > 0 else 0.0
        n_steps = self.max_iter * n // self._batch_size
        stop = minibatch.Stop(n, n_steps, tolerance, self.max_no_improvement)
        chances = np.ones(n) if weight is None else weight
        urn = Urn(chances)
        part = task.part("steps", n_steps)
        course = minibatch.run(
            self._centers,
            lambda: pack(X[urn.draw(self._batch_size, random)], frame, None, self.n_threads),
            self._algorithm(pack(X[:1], frame, None, 1)),
            random,
            stop,
            bool(self.verbose),
            part.iterations(lambda centers: self._ready(centers, frame)),
            float(self.forgetting),
        )
        part.end(lambda: self._ready(self._centers.points, frame))
        return course

    # --- portion by portion ----------------------------------------------------------------------

    @validation.checked_fit
    def partial_fit(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Move the centers towards one batch of rows; the first call also finds where they start.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The batch: at first at least ``n_clusters`` rows.
        y : object
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of every row, not negative; None means 1.

        Returns
        -------
        self : MiniBatchKMeans
            The estimator.

        Raises
        ------
        ValueError
            If X or a parameter is not as described; the estimator is then as it was before.
        """
        with validation.all_or_nothing(self):
            first = not hasattr(self, "cluster_centers_")
            array = validation.rows(self, X, reset=first, sparse=True)
            if first:
                self._check_enough(array)
            weight = validation.weights(sample_weight, array)
            if not hasattr(self, "_random_state"):
                self._random_state = validation.random_state(self.random_state)
            random = self._random_state
            if first:
                given = self._given(array)
                self._plan(array)
                frame = frame_of(array, measure(array, self.n_threads), normalise=True)
                points, _ = self._one_start(array, weight, frame, given, random)
                self._centers = minibatch.Centers(points, self._batch_size, self.reassignment_ratio)
            else:
                frame, points = self._fitted_frame()
                self._centers = self._centers.at(points, self.reassignment_ratio)
            batch, self._centers.points = self._in_frame(array, weight, frame, points, pack)
            objective = self._centers.step(
                batch, self._algorithm(batch), random, bool(self.verbose), float(self.forgetting)
            )
            mean = kmeans.to_inertia(objective, batch) / array.shape[0]
            origin = batch.frame.origin.astype(points.dtype)
            self._keep_centers(
                self._centers.points.astype(points.dtype), batch.frame._replace(origin=origin)
            )
            self.n_steps_ = getattr(self, "n_steps_", 0) + 1
            history = getattr(self, "inertia_history_", np.empty(0))
            self.inertia_history_ = np.append(history, mean)
            if self.compute_labels:
                self._label(batch)
        return self

    # --- both --------------------------------------------------------------------------------------

    def _plan(self, X: Any) -> None:
        """Numbers of starts, and of rows in a batch and for a start."""
        n, k = X.shape[0], self.n_clusters
        self._n_init = self._runs()
        self._warn_of_one_run()
        self._batch_size = min(self.batch_size, n)
        size = self.init_size or 3 * self._batch_size
        if size < k:
            if self.init_size is not None:
                validation.warn(
                    f"init_size={size} should be larger than n_clusters={k}. Setting it to "
                    "min(3*n_clusters, n_samples)",
                    RuntimeWarning,
                )
            size = 3 * k
        self._init_size = min(size, n)

    def _one_start(
        self,
        X: Any,
        weight: NDArray[Any] | None,
        frame: Frame,
        given: NDArray[Any] | None,
        random: RandomState,
    ) -> tuple[Array, NDArray[np.int64] | None]:
        """First centers in the frame, and the rows of X they sit on, if any."""
        some: Any = slice(None)
        if self._init_size < X.shape[0]:
            some = random.randint(0, X.shape[0], self._init_size)
        if given is not None:
            return placed(given, frame), None
        few, its_weight = X[some], None if weight is None else weight[some]
        if its_weight is not None and not its_weight.any():
            raise ValueError(
                f"All {self._init_size} rows drawn for a start have sample_weight 0. Raise init_size "
                "or give init as an array."
            )
        packed = pack(few, frame, its_weight, self.n_threads)
        [(points, seeds)] = self._starts(few, packed, self.n_clusters, 1, random, centred=False)
        return points, None if seeds is None else np.arange(X.shape[0])[some][seeds]

    def _best_start(
        self,
        X: Any,
        weight: NDArray[Any] | None,
        frame: Frame,
        given: NDArray[Any] | None,
        checked: NDArray[np.int64],
        random: RandomState,
    ) -> tuple[Array, list[KMeansInit]]:
        """The start of least inertia of the checked rows, and a record of each."""
        its_weight = None if weight is None else weight[checked]
        if its_weight is not None and not its_weight.any():
            its_weight = None
        rows = pack(X[checked], frame, its_weight, self.n_threads)
        records, starts = [], []
        for run in range(self._n_init):
            if self.verbose:
                print(f"Init {run + 1}/{self._n_init} with method {self.init}")
            points, seeds = self._one_start(X, weight, frame, given, random)
            inertia = kmeans.scaled(nearest(rows, points)[0], rows)
            if self.verbose:
                print(f"Inertia for init {run + 1}/{self._n_init}: {inertia}")
            starts.append(points)
            records.append(KMeansInit(0, False, inertia, [], False, seeds))
        best = int(np.argmin([record.inertia for record in records]))
        records[best] = records[best]._replace(best=True)
        return starts[best], records

    def _label(self, rows: AnyRows) -> None:
        """Set what is known of these rows."""
        centers = np.asarray(self._frame_centers, rows.frame.origin.dtype)
        objective, self.labels_ = nearest(rows, centers)
        self.cluster_sizes_ = kmeans.sizes(self.labels_, len(centers))
        self.inertia_ = kmeans.to_inertia(objective, rows)

    def _forget(self) -> None:
        """Drop what an earlier fit has left."""
        for name in ("labels_", "cluster_sizes_", "inertia_", "_random_state"):
            if hasattr(self, name):
                delattr(self, name)
