"""k-means behind scikit-learn's API."""

import warnings
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning

from fastmix import _validation as validation
from fastmix._conversion import Convertible
from fastmix._numba import ANY_WORK, threads
from fastmix.engine import kmeans
from fastmix.engine.algorithms import ALGORITHMS, SYNONYMS, choose, distances, nearest
from fastmix.engine.results import Frame, KMeansInit, KMeansResult, Rows
from fastmix.engine.rows import (
    frame_of,
    from_frame,
    mean_variance,
    measure,
    pack,
    power_of_two,
    take,
    to_frame,
)
from fastmix.engine.seeds import SEEDINGS

RUNS_BY_CHANCE = 10  # n_init='auto' where the start is not k-means++ or an array


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, Convertible):
    """k-means clustering, compiled and parallel.

    Drop-in for :class:`sklearn.cluster.KMeans`: the same parameters, attributes and, from the same
    start, the same labels, centers and number of iterations. The bits of the result do not depend on
    the number of threads.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, k.
    init : {'k-means++', 'random'}, callable or array-like of shape (n_clusters, n_features), \
default='k-means++'
        Where the centers start: at rows spread out by greedy k-means++ [1]_, at random rows, at the
        answer of ``init(X, n_clusters, random_state=...)`` for centred rows, or as given.
    n_init : 'auto' or int, default='auto'
        Number of starts, of which the best run is kept. 'auto' is 1 for 'k-means++' and arrays,
        10 for 'random' and callables.
    max_iter : int, default=300
        Most iterations of one run.
    tol : float, default=1e-4
        A run stops when the squared shifts of all centers sum up to at most ``tol`` times the mean
        variance of the features.
    verbose : int, default=0
        Whether to print the inertia of every iteration.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts. In float64 the same integer starts where scikit-learn starts.
    copy_x : bool, default=True
        Accepted for compatibility: X is never written to.
    algorithm : {'auto', 'lloyd', 'elkan'}, default='auto'
        All give the same result; 'auto' takes the fastest, 'elkan' is a synonym.
    n_threads : int or None, default=None
        Most threads to use; None means all CPUs of the process. It never changes the result.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centers, in the dtype of X.
    labels_ : ndarray of shape (n_samples,), int32
        Cluster of every row; equal to ``predict(X)``.
    inertia_ : float
        Weighted sum of squared distances to the nearest centers.
    n_iter_ : int
        Iterations of the best run.
    inertia_history_ : ndarray of shape (n_iter_,)
        Inertia before every iteration of the best run moved the centers.
    init_results_ : list
        One record for every start: n_iter, converged, inertia, history, best.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where all of them are strings.

    See Also
    --------
    GaussianMixture : Clusters of any elliptical shape, with probabilities.

    Notes
    -----
    Lloyd's algorithm [2]_ on rows centred at their mean and scaled by a power of two, so that neither
    an offset nor the unit of the data costs accuracy. Time O(n k d) an iteration. Memory: one copy of X (two
    where X is not a C-ordered array of floats) and 28 bytes a row.

    References
    ----------
    .. [1] Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
       SODA 2007, 1027-1035. doi:10.5555/1283383.1283494
    .. [2] Lloyd, S. P. (1982). Least squares quantization in PCM. IEEE Transactions on Information
       Theory 28(2), 129-137. doi:10.1109/TIT.1982.1056489

    Examples
    --------
    >>> import numpy as np
    >>> from fastmix import KMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> model.labels_
    array([1, 1, 1, 0, 0, 0], dtype=int32)
    >>> model.predict([[0, 0], [12, 3]])
    array([1, 0], dtype=int32)
    >>> model.cluster_centers_
    array([[10.,  2.],
           [ 1.,  2.]])
    """

    _counterpart = "sklearn.cluster.KMeans"
    _only_here = Convertible._only_here | {"inertia_history_"}
    _parameter_constraints = {
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
        "copy_x": ["boolean"],
        "algorithm": [validation.StrOptions({*ALGORITHMS, *SYNONYMS})],
        "n_threads": validation.N_THREADS,
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: int | str = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: int | RandomState | None = None,
        copy_x: bool = True,
        algorithm: str = "auto",
        n_threads: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.n_threads = n_threads

    @validation.checked_fit
    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the centers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to cluster; float32 stays float32, everything else becomes float64.
        y : object
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of every row, not negative; None means 1. Scaling all weights changes only
            ``inertia_``.

        Returns
        -------
        self : KMeans
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or a parameter is not as described; the estimator is then as it was before.
        """
        with validation.all_or_nothing(self):
            array = validation.rows(self, X, reset=True)
            if len(array) < self.n_clusters:
                raise ValueError(
                    f"n_samples={len(array)} should be >= n_clusters={self.n_clusters}."
                )
            weight = validation.weights(sample_weight, array)
            given = None
            if not isinstance(self.init, str) and not callable(self.init):
                given = validation.initial(self.init, array, self.n_clusters)
            self._n_init = self._runs(given is not None)
            self._warn_of_elkan()
            frame = frame_of(array, measure(array, self.n_threads), normalise=True)
            packed = pack(array, frame, weight, self.n_threads)
            self._keep(packed, *self._best_run(array, packed, given))
        return self

    def _runs(self, given: bool) -> int:
        """Number of starts."""
        if self.n_init == "auto":
            one = given or (isinstance(self.init, str) and self.init == "k-means++")
            return 1 if one else RUNS_BY_CHANCE
        if given and self.n_init != 1:
            warnings.warn(
                "Explicit initial center position passed: performing only one init in "
                f"{type(self).__name__} instead of n_init={self.n_init}.",
                RuntimeWarning,
                stacklevel=4,
            )
            return 1
        return int(self.n_init)

    def _warn_of_elkan(self) -> None:
        if self.algorithm == "elkan" and self.n_clusters == 1:
            warnings.warn(
                "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
                RuntimeWarning,
                stacklevel=4,
            )

    def _best_run(
        self, X: NDArray[Any], packed: Rows, given: NDArray[Any] | None
    ) -> tuple[KMeansResult, list[KMeansInit]]:
        """The best of all runs, and a record of each."""
        random = validation.random_state(self.random_state)
        tolerance = self.tol * mean_variance(packed) if self.tol > 0 else 0.0
        algorithm = choose(self.algorithm)
        records: list[KMeansInit] = []
        best: KMeansResult | None = None
        for run in range(self._n_init):
            centers = self._start(X, packed, given, random)
            if self.verbose:
                print("Initialization complete")
            found = kmeans.run(
                packed, centers, algorithm, self.max_iter, tolerance, bool(self.verbose)
            )
            inertia, *history = (
                kmeans.scaled(v, packed) for v in (found.objective, *found.history)
            )
            records.append(KMeansInit(found.n_iter, found.converged, inertia, history, False))
            if best is None or (
                found.objective < best.objective
                and not kmeans.same_partition(found.labels, best.labels, self.n_clusters)
            ):
                best, place = found, run
        assert best is not None  # n_init >= 1
        records[place] = records[place]._replace(best=True)
        return best, records

    def _start(
        self, X: NDArray[Any], packed: Rows, given: NDArray[Any] | None, random: RandomState
    ) -> NDArray[Any]:
        """Centers to start from, in the frame of the rows."""
        if given is not None:
            return to_frame(given, packed.frame)
        if isinstance(self.init, str):
            return take(packed, SEEDINGS[self.init](packed, self.n_clusters, random))
        centred = X - packed.frame.origin
        answer = self.init(centred, self.n_clusters, random_state=random)
        answer = validation.initial(answer, X, self.n_clusters)
        return to_frame(answer, packed.frame._replace(origin=np.zeros_like(packed.frame.origin)))

    def _keep(self, packed: Rows, best: KMeansResult, records: list[KMeansInit]) -> None:
        """Set the fitted attributes."""
        found = np.count_nonzero(np.bincount(best.labels, minlength=self.n_clusters))
        if found < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({found}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=4,
            )
        self.init_results_ = records
        kept = next(record for record in records if record.best)
        self._frame, self._frame_centers = packed.frame, best.centers
        self.cluster_centers_ = from_frame(best.centers, packed.frame)
        self._n_features_out = len(best.centers)
        self.labels_ = best.labels.copy()
        self.inertia_ = kmeans.to_inertia(best.objective, packed)
        self.inertia_history_ = np.array(kept.history)
        self.n_iter_ = best.n_iter

    def fit_predict(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int32]:
        """Fit, and give the cluster of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
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
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Fit, and give the distance of every row to every center.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
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

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Nearest center of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            Number of the nearest center; the lowest one among equals.
        """
        packed, centers = self._packed(X)
        return nearest(packed, centers)[1]

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Distance of every row to every center.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_clusters)
            In the units of X.
        """
        packed, centers = self._packed(X)
        with np.errstate(over="ignore"):
            return np.ldexp(distances(packed, centers), packed.frame.exponent)

    def score(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Minus the inertia of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
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
        packed, centers = self._packed(X, sample_weight)
        return -kmeans.to_inertia(nearest(packed, centers)[0], packed)

    def _packed(
        self, X: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[Rows, NDArray[Any]]:
        """Rows and centers in the frame of the fit, in their common dtype."""
        array = validation.rows(self, X, reset=False)
        weight = validation.weights(sample_weight, array)
        frame, centers = self._fitted_frame()
        if array.shape[1] != centers.shape[1]:  # centers set by hand: nobody has counted features
            raise ValueError(
                f"X has {array.shape[1]} features, but cluster_centers_ has {centers.shape[1]}."
            )
        array = array.astype(np.result_type(array, centers), copy=False)
        packed = pack(array, frame, weight, self.n_threads)
        return packed, np.array(centers, array.dtype, order="C")

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

    def _private_there(self) -> dict[str, Any]:
        return {
            "_n_threads": threads(self.n_threads, ANY_WORK),
            "_n_features_out": len(self.cluster_centers_),
        }

    def _complete(self) -> None:
        self._n_features_out = len(self.cluster_centers_)
        self.inertia_history_ = np.empty(0)
        self.init_results_ = []

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
