"""What all k-means share: where they start, prediction, distances."""

import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)

from fastmix import _validation as validation
from fastmix._conversion import Convertible
from fastmix._documentation import Documented
from fastmix._threads import ANY_WORK, threads
from fastmix.cluster._callbacks import CallbackSupport, Task, first_task
from fastmix.engine import kmeans
from fastmix.engine.algorithms import Algorithm, algorithm_of
from fastmix.engine.predictions import distances, nearest, view
from fastmix.engine.report import FitReport, Log
from fastmix.engine.results import (
    AnyRows,
    Array,
    Frame,
    KMeansInit,
    KMeansResult,
    read_how,
)
from fastmix.engine.rows import from_frame, power_of_two, take, to_frame
from fastmix.engine.seeds import SEEDINGS
from fastmix.engine.watch import Interrupted
from fastmix.saving import compounds, kinds
from fastmix.saving.models import Saveable
from fastmix.sources import RowsLike, by_blocks, by_sums

# Centers (k, d), and the rows (k,) they sit on, if any
Start = tuple[Array, NDArray[np.int64] | None]


class KMeansFamily(
    Documented,
    CallbackSupport,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClusterMixin,
    Convertible,
    Saveable,
):
    """Base of the k-means estimators. A subclass fits, and keeps what it found by `_keep_centers`."""

    _parameter_constraints: dict[str, list[Any]] = {
        "n_clusters": [validation.Interval(Integral, 1, None, closed="left")],
        "init": [validation.StrOptions(set(SEEDINGS)), callable, "array-like"],
        "n_init": [
            validation.StrOptions({"auto"}),
            validation.Interval(Integral, 1, None, closed="left"),
        ],
        "max_iter": [validation.Interval(Integral, 1, None, closed="left")],
        "tol": [validation.Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "n_threads": validation.N_THREADS,
    }
    _only_here = Convertible._only_here | {"cluster_sizes_", "inertia_history_"}
    _saved = {
        "cluster_centers_": kinds.Numbers("k", "d"),
        "n_features_in_": kinds.Whole(1, symbol="d"),
        "feature_names_in_": compounds.NAMES,
        "_n_features_out": kinds.Whole(1, symbol="k"),
        "_frame": compounds.FRAME,
        "_frame_centers": kinds.Numbers("k", "d"),
        "labels_": kinds.Numbers("n", dtypes=(np.int32,), least=0, below="k"),
        "cluster_sizes_": kinds.Numbers("k", dtypes=(np.int64,), least=0),
        "inertia_": kinds.Real(),
        "inertia_history_": kinds.Numbers("passes", finite=False),
        "init_results_": compounds.records(KMeansInit),
        "fit_report_": compounds.record(FitReport),
        "_n_init": kinds.Whole(1),
        "_sklearn_output_config": compounds.OUTPUT,
    }
    _needed = {
        "": ("cluster_centers_",),
        "_frame": ("_frame_centers",),
        "_frame_centers": ("_frame",),
    }
    max_iter: int
    _n_init: int  # starts of this fit
    _seedings: dict[str, Callable[[AnyRows], Any]] = dict(SEEDINGS)  # values of init
    _takes_chunks = False  # can fit rows that are read in every pass
    _tells_of_starts = False  # where verbose, as scikit-learn's class does
    _runs_by_chance: int  # n_init='auto' where the start is not k-means++ or an array

    # --- conversion ----------------------------------------------------------------------------

    def _different_there(self) -> dict[str, Any]:
        return {
            "_n_threads": threads(self.n_threads, ANY_WORK),
            "_n_features_out": len(self.cluster_centers_),
        }

    def _complete(self) -> None:
        self._n_features_out = len(self.cluster_centers_)
        self.init_results_ = list[Any]()
        self.inertia_history_ = np.empty(0)
        if hasattr(self, "labels_"):
            self.cluster_sizes_ = kmeans.sizes(self.labels_, len(self.cluster_centers_))

    # --- fitting, in parts ---------------------------------------------------------------------

    @contextmanager
    def _fitting(
        self, X: RowsLike, sample_weight: ArrayLike | None, n_parts: int | None
    ) -> Iterator[tuple[Task, Any, NDArray[np.float64] | None, Log]]:
        """Task, rows, weights and log of a fit that leaves the estimator as it was, should it fail."""
        log, task = Log(), first_task(self, X, sample_weight, n_parts)
        with validation.all_or_nothing(self):
            array = validation.rows(self, X, reset=True, sparse=True, chunks=self._takes_chunks)
            self._check_enough(array)
            weight = validation.weights(sample_weight, array)
            log.lap("checks")
            yield task, array, weight, log
            task.end()
            self.fit_report_ = log.report(self.n_threads)
        if self.verbose > 1:
            print(self.fit_report_)

    def _check_enough(self, X: Any) -> None:
        if X.shape[0] < self.n_clusters:
            raise ValueError(
                f"n_samples={X.shape[0]} should be >= n_clusters={self.n_clusters}. Lower n_clusters."
            )

    def _best_run(
        self,
        rows: AnyRows,
        starts: list[Start],
        algorithm: Algorithm,
        tolerance: float,
        better: Callable[[KMeansResult, KMeansResult], bool],
        task: Task,
        ready: Callable[[Array], dict[str, Any]],
        again: Callable[[KMeansResult], Array | None] = lambda best: None,
        state: Any = None,
    ) -> tuple[KMeansResult, list[KMeansInit]]:
        """The best of the runs from all starts, and a record of each.

        `better(found, best)` decides, `ready(centers)` is what callbacks are shown, and `again(best)` gives
        centers of one more run, if there is to be one. `state` is what is known of the rows beforehand, as
        a run's. Runs may put the rows in another order.
        """
        records: list[KMeansInit] = []
        best: KMeansResult | None = None
        ended: Interrupted | None = None
        breath = 0
        waiting = deque(starts)
        while waiting:
            centers, seeds = waiting.popleft()
            part = task.part("start", self.max_iter)
            if self.verbose and best and breath:
                print(f"Breath {breath}, best inertia {kmeans.scaled(best.objective, rows)}.")
            elif self.verbose and self._tells_of_starts:
                print("Initialization complete")
            try:
                found = kmeans.run(
                    rows,
                    centers,
                    algorithm,
                    self.max_iter,
                    tolerance,
                    bool(self.verbose),
                    part.iterations(ready),
                    state,
                    best.objective if best and breath else math.inf,
                )
            except Interrupted as error:
                found, ended = error.found, error
            state = found.state
            records.append(kmeans.record(found, rows, seeds)._replace(breath=breath))
            if best is None or (not ended and better(found, best)):
                best, place = found, len(records) - 1
            if ended:
                break
            if part.end(partial(ready, found.centers)):
                break
            more = None if waiting else again(best)
            if more is not None:
                waiting.append((more, None))
                breath += 1
        assert best is not None  # there is a start
        records[place] = records[place]._replace(best=True)
        if ended:
            raise Interrupted((best, records), *ended.args)
        return best, records

    @property
    def _init_is_given(self) -> bool:
        return not isinstance(self.init, str) and not callable(self.init)

    def _given(self, X: Any) -> NDArray[Any] | None:
        """The parameter init, where it is an array of centers."""
        return validation.initial(self.init, X, self.n_clusters) if self._init_is_given else None

    def _runs(self) -> int:
        """Number of starts."""
        if self._init_is_given:
            return 1
        if self.n_init != "auto":
            return int(self.n_init)
        by_chance = callable(self.init) or self.init == "random"
        return self._runs_by_chance if by_chance else 1

    def _warn_of_one_run(self) -> None:
        if self._init_is_given and not isinstance(self.n_init, str) and self.n_init != 1:
            validation.warn(
                "Explicit initial center position passed: performing only one init in "
                f"{type(self).__name__} instead of n_init={self.n_init}.",
                RuntimeWarning,
            )

    def _starts(
        self, X: Any, packed: AnyRows, k: int, n_starts: int, random: RandomState, centred: bool
    ) -> list[Start]:
        """Several times k centers in the frame of the rows, and the rows they sit on; init is not an array.

        A callable is shown X (n, d), `centred` or as it is, as scikit-learn does.
        """
        if isinstance(self.init, str):
            drawn = self._seedings[self.init](packed).draw(k, random, n_starts)
            return [(take(packed, seeds), seeds.astype(np.int64)) for seeds in drawn]
        if how := read_how(X):
            raise ValueError(
                f"init is a callable, which is shown all rows of X, but these are read {how}. Call it "
                "with some of them, and give init its centers."
            )
        frame = packed.frame
        if centred and not sparse.issparse(X):
            X, frame = X - frame.origin, frame._replace(origin=np.zeros_like(frame.origin))
        validation.callable_start(self.init, X, k, random)
        answers = (self.init(X, k, random_state=random) for _ in range(n_starts))
        return [(placed(validation.initial(answer, X, k), frame), None) for answer in answers]

    def _algorithm(self, rows: AnyRows) -> Algorithm:
        return algorithm_of(rows, getattr(self, "algorithm", "lloyd"))

    def _keep_centers(self, centers: Array, frame: Frame) -> None:
        """Set the attributes that prediction needs."""
        for name, value in self._ready(centers, frame).items():
            setattr(self, name, value)

    def _ready(self, centers: Array, frame: Frame) -> dict[str, Any]:
        """Attributes with which the estimator can predict."""
        return {
            "_frame": frame,
            "_frame_centers": centers,
            "cluster_centers_": from_frame(centers, frame),
            "_n_features_out": len(centers),
        }

    # --- after the fit ---------------------------------------------------------------------------

    def fit_predict(
        self, X: RowsLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int32]:
        """Fit, and give the cluster of every row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to cluster.
        y : object
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of every row.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            ``labels_``.
        """
        return self.fit(X, sample_weight=sample_weight).labels_

    def fit_transform(
        self, X: RowsLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Fit, and give the distance of every row to every center.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to cluster.
        y : object
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of every row.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_clusters)
            As of :meth:`transform`.
        """
        return self.fit(X, sample_weight=sample_weight).transform(X)

    @by_blocks
    def predict(self, X: RowsLike) -> NDArray[np.int32]:
        """Nearest center of every row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            Number of the nearest center; the lowest one among equals.
        """
        return nearest(*self._seen(X))[1]

    @by_blocks
    def transform(self, X: RowsLike) -> NDArray[Any]:
        """Distance of every row to every center.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_clusters)
            From ``cluster_centers_``, in the units of X.
        """
        rows, _ = self._seen(X)
        return distances(rows, to_frame(self.cluster_centers_, rows.frame))

    def score(self, X: RowsLike, y: object = None, sample_weight: ArrayLike | None = None) -> float:
        """Minus the inertia of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or a source
            Rows.
        y : object
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of every row.

        Returns
        -------
        score : float
            Minus the weighted sum of squared distances to the nearest centers.
        """
        return -self._inertia(X, sample_weight)

    @by_sums
    def _inertia(self, X: RowsLike, sample_weight: ArrayLike | None) -> float:
        """Weighted sum of squared distances to the nearest centers."""
        array = validation.rows(self, X, reset=False, sparse=True, chunks=True)
        weight = validation.weights(sample_weight, array)
        fitted, inertia = self._fitted_frame(), 0.0
        for block, its in validation.blocks(array, weight):
            if its is None or its.any():
                rows, centers = self._in_frame(block, its, *fitted)
                inertia += kmeans.to_inertia(nearest(rows, centers)[0], rows)
        return inertia

    def _seen(
        self, X: RowsLike, sample_weight: ArrayLike | None = None
    ) -> tuple[AnyRows, NDArray[Any]]:
        """Rows and centers in the frame of the fit, in their common dtype."""
        array = validation.rows(self, X, reset=False, sparse=True)
        weight = validation.weights(sample_weight, array)
        return self._in_frame(array, weight, *self._fitted_frame())

    def _in_frame(
        self,
        X: Any,
        weight: NDArray[Any] | None,
        frame: Frame,
        centers: Array,
        make: Callable[..., AnyRows] = view,
    ) -> tuple[AnyRows, NDArray[Any]]:
        """Rows, by `view` or `pack`, and centers (k, d) of this frame, in one that the rows can be held in."""
        if X.shape[1] != centers.shape[1]:  # centers set by hand: nobody has counted features
            raise ValueError(
                f"X has {X.shape[1]} features, but cluster_centers_ has {centers.shape[1]}."
            )
        X = X.astype(np.result_type(X, centers), copy=False)
        if sparse.issparse(X) and frame.origin.any():  # centred sparse rows would be dense
            at_zero = frame._replace(origin=np.zeros_like(frame.origin))
            frame, centers = at_zero, to_frame(from_frame(centers, frame), at_zero)
        return make(X, frame, weight, self.n_threads), np.array(centers, X.dtype, order="C")

    def _fitted_frame(self) -> tuple[Frame, NDArray[Any]]:
        """Frame and centers of the fit, or of cluster_centers_ where somebody has set them since."""
        if hasattr(self, "_frame") and np.array_equal(
            from_frame(self._frame_centers, self._frame), self.cluster_centers_
        ):
            return self._frame, self._frame_centers
        centers = np.asarray(self.cluster_centers_)
        centers = centers.astype(np.result_type(centers, np.float32), copy=False)
        origin = centers.mean(0)
        frame = Frame(origin, power_of_two(float(np.abs(centers - origin).max()), centers.dtype))
        return frame, to_frame(centers, frame)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def placed(centers: Array, frame: Frame) -> Array:
    """Centers that the user has given, in the frame.

    Raises
    ------
    ValueError
        If squared distances from them overflow.
    """
    with np.errstate(over="ignore"):
        points = to_frame(centers, frame)
        near = np.isfinite(4 * np.square(points).sum())
    if not near:
        raise ValueError(
            f"init has centers so far from the rows of X that squared distances overflow {points.dtype}. "
            "Give centers near the data, as rows of X are."
        )
    return points
