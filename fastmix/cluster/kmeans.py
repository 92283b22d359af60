"""k-means behind scikit-learn's API."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from fastmix import _validation as validation
from fastmix._readers import is_dask
from fastmix.cluster._base import KMeansFamily, placed
from fastmix.cluster._callbacks import Task, with_callbacks
from fastmix.engine import kmeans
from fastmix.engine.algorithms import ALGORITHMS, SYNONYMS
from fastmix.engine.breathing import Breathing
from fastmix.engine.report import Log
from fastmix.engine.results import AnyRows, Array, KMeansInit, KMeansResult
from fastmix.engine.rows import frame_of, mean_variance, measure, pack
from fastmix.engine.scalable import KMEANS_SEEDINGS
from fastmix.engine.watch import Interrupted
from fastmix.saving import kinds
from fastmix.sources import RowsLike

BREATHING = "breathing"


class KMeans(KMeansFamily):
    """k-means clustering, compiled and parallel.

    Drop-in for :class:`sklearn.cluster.KMeans`: the same parameters, attributes and, from the same
    start, the same labels, centers and number of iterations, but for rows that are equally near to
    two centers to rounding: the lower number takes them. The bits of the result do not depend on
    the number of threads.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, k.
    init : {'k-means++', 'k-means||', 'exact-k-means++', 'random'}, callable or array-like of shape \
(n_clusters, n_features), default='k-means++'
        Where the centers start: at rows spread out by greedy k-means++ [1]_, at random rows, at the
        answer of ``init(X, n_clusters, random_state=...)`` for centred rows, or as given. 'k-means||'
        [6]_ takes a few passes over the rows instead of two for every center: rows that are read
        chunk by chunk, or block by block of Dask, start so by 'k-means++', too. 'exact-k-means++' starts
        over chunks where 'k-means++' does in memory.
    n_init : {'auto', 'breathing'} or int, default='auto'
        Number of starts, of which the best run is kept. 'auto' is 1 for 'k-means++' and arrays,
        10 for 'random' and callables. 'breathing' [5]_ is one start and a search for better centers
        from where it ends: better than ten starts, and sooner where rows are many; small data are
        searched for a hundred runs and more.
    max_iter : int, default=300
        Most iterations of one run.
    tol : float, default=1e-4
        A run stops when the squared shifts of all centers sum up to at most ``tol`` times the mean
        variance of the features.
    verbose : int, default=0
        1 prints the inertia of every iteration, 2 also ``fit_report_``.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts. In float64 the same integer starts where scikit-learn starts.
    copy_x : bool, default=True
        Accepted for compatibility: X is never written to.
    algorithm : {'auto', 'lloyd', 'hamerly', 'filtering', 'quantized', 'mixed_precision', 'elkan'}, \
            default='auto'
        All give the same labels and centers. 'hamerly' [3]_ keeps bounds that spare distances;
        'filtering' [4]_, for few features, puts rows in an order in which neighbours lie together;
        'quantized', for many, rounds rows and centers to bytes, which rule out most centers;
        'mixed_precision', for float64, computes in float32 and repeats in float64 only what that leaves
        in doubt. 'elkan' is a synonym of 'lloyd'. 'auto' takes the one that the numbers of rows, clusters
        and features, and a look at some of the rows, promise to be the fastest.
    n_threads : int or None, default=None
        Most threads to use; None means all CPUs of the process. It never changes the result.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centers, in the dtype of X.
    labels_ : ndarray of shape (n_samples,), int32
        Cluster of every row; equal to ``predict(X)``. Of Dask's rows it is a Dask array, not yet computed.
    inertia_ : float
        Weighted sum of squared distances to the nearest centers.
    n_iter_ : int
        Iterations of the best run.
    inertia_history_ : ndarray of shape (n_iter_,)
        Inertia before every iteration of the best run moved the centers.
    init_results_ : list
        One record for every start, and every run of a search: n_iter, converged, inertia, history,
        best, seeds, the numbers of the rows it started from (None where centers were given), algorithm,
        which tells what 'auto' has chosen, and skipped, the share of all distances of rows to centers
        that was not computed.
    fit_report_ : FitReport
        What the fit has done, to be printed: algorithms, that of every pass of the best run; reason,
        why 'auto' has chosen it; skipped, the share of the distances that every pass did without;
        seconds by phase; n_threads; sent and received, the bytes of every iteration over rows of Dask. It
        is the only attribute that differs from one fit to the next.
    cluster_sizes_ : ndarray of shape (n_clusters,), int64
        Number of rows in every cluster.
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
    an offset nor the unit of the data costs accuracy; sparse rows are scaled only. Time O(n k d) an
    iteration. Memory: one copy of X (two where X is not a C-ordered array of floats), 36 bytes a row,
    a byte a value with 'quantized' and with k-means++ on many features, and four with 'mixed_precision'.

    References
    ----------
    .. [1] Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
       SODA 2007, 1027-1035. doi:10.5555/1283383.1283494
    .. [2] Lloyd, S. P. (1982). Least squares quantization in PCM. IEEE Transactions on Information
       Theory 28(2), 129-137. doi:10.1109/TIT.1982.1056489
    .. [3] Hamerly, G. (2010). Making k-means even faster. SDM 2010, 130-140. doi:10.1137/1.9781611972801.12
    .. [4] Kanungo, T. et al. (2002). An efficient k-means clustering algorithm: analysis and implementation.
       IEEE Transactions on Pattern Analysis and Machine Intelligence 24(7), 881-892.
       doi:10.1109/TPAMI.2002.1017616
    .. [5] Fritzke, B. (2020). The breathing k-means algorithm. arXiv:2006.15666. The centers that a
       breath adds are drawn here, as k-means++ draws.
    .. [6] Bahmani, B. et al. (2012). Scalable k-means++. PVLDB 5(7), 622-633.
       doi:10.14778/2180912.2180915

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
    _parameter_constraints = {
        **KMeansFamily._parameter_constraints,
        "n_init": [
            validation.StrOptions({"auto", BREATHING}),
            validation.Interval(Integral, 1, None, closed="left"),
        ],
        "init": [validation.StrOptions(set(KMEANS_SEEDINGS)), callable, "array-like"],
        "copy_x": ["boolean"],
        "algorithm": [validation.StrOptions({*ALGORITHMS, *SYNONYMS})],
    }
    _saved = {**KMeansFamily._saved, "n_iter_": kinds.Whole()}
    _runs_by_chance = 10
    _seedings = KMEANS_SEEDINGS
    _takes_chunks = True
    _tells_of_starts = True

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

    @with_callbacks
    @validation.checked_fit
    def fit(self, X: RowsLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the centers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), a source, or a collection of Dask
            Rows to cluster, sparse ones in CSR form; float32 stays float32, everything else becomes float64.
            Rows that do not fit into memory are read chunk by chunk, by Lloyd's or Hamerly's algorithm, from what a
            :class:`fastmix.sources.Source` can be made of: large arrays on disk, paths, iterables of arrays.
            Those of a Dask array or frame stay where they are; so may weights, as a Dask array.
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
        KeyboardInterrupt
            On Ctrl-C. Rows in memory leave the estimator as it was before; of rows that are read in every
            pass it keeps the last iteration that was finished, without ``labels_``.
        """
        n_parts = None if self.n_init == BREATHING else self._runs()
        stopped: Interrupted | None = None
        with self._fitting(X, sample_weight, n_parts) as (task, array, weight, log):
            if is_dask(X) and self.n_init == BREATHING:
                raise ValueError(
                    "n_init='breathing' looks at all rows together, but X is read block by block. Give n_init a "
                    "number of starts."
                )
            given = self._given(array)
            self._n_init = self._runs()
            self._warn_of_one_run()
            self._warn_of_elkan()
            columns = measure(array, self.n_threads)
            frame = frame_of(array, columns, normalise=True)
            packed = pack(array, frame, weight, self.n_threads, columns)
            log.lap("rows")
            try:
                best, records = self._best(array, packed, given, task, log)
            except Interrupted as error:
                stopped, (best, records) = error, error.found
            chosen = getattr(best.state, "reason", f"algorithm={self.algorithm!r} was asked for")
            log.kept((best.state.name,) * len(best.skipped), chosen, best.skipped)
            log.told(getattr(packed, "traffic", []))
            self._keep(packed, best, records)
            if is_dask(X):
                self.labels_ = array.labels(self.predict(X))  # they stay where the rows are
        if stopped:
            raise stopped
        return self

    def _runs(self) -> int:
        return 1 if self.n_init == BREATHING else super()._runs()

    def _warn_of_elkan(self) -> None:
        if self.algorithm == "elkan" and self.n_clusters == 1:
            validation.warn(
                "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
                RuntimeWarning,
            )

    def _best(
        self, X: Any, packed: AnyRows, given: NDArray[Any] | None, task: Task, log: Log
    ) -> tuple[KMeansResult, list[KMeansInit]]:
        """The best of all runs, and a record of each."""
        random = validation.random_state(self.random_state)
        tolerance = self.tol * mean_variance(packed) if self.tol > 0 else 0.0

        k = self.n_clusters
        if given is None:
            starts = self._starts(X, packed, k, self._n_init, random, centred=True)
        else:
            starts = [(placed(given, packed.frame), None)]
        log.lap("starts")

        def better(found: KMeansResult, best: KMeansResult) -> bool:
            return found.objective < best.objective and not kmeans.same_partition(
                found.labels, best.labels, k
            )

        def ready(centers: Array) -> dict[str, Any]:
            return self._ready(centers, packed.frame)

        algorithm = self._algorithm(packed)
        how: tuple[Any, ...] = (better, task, ready)
        if self.n_init == BREATHING:
            search = Breathing(packed, k, algorithm, random)
            how = (search.better, task, ready, search.centers)
        try:
            return self._best_run(packed, starts, algorithm, tolerance, *how)
        finally:
            log.lap("passes")

    def _keep(self, packed: AnyRows, best: KMeansResult, records: list[KMeansInit]) -> None:
        """Set the fitted attributes; those of labels only if they are known."""
        kept = next(record for record in records if record.best)
        self._keep_centers(best.centers, packed.frame)
        for name in ("labels_", "cluster_sizes_"):  # of an earlier fit
            self.__dict__.pop(name, None)
        if best.labels is not None:
            self._keep_labels(best.labels)
        self.inertia_ = kmeans.to_inertia(best.objective, packed)
        self.inertia_history_ = np.array(kept.history)
        self.init_results_ = records
        self.n_iter_ = best.n_iter

    def _keep_labels(self, labels: Any) -> None:
        self.labels_, self.cluster_sizes_ = labels, kmeans.sizes(labels, self.n_clusters)
        found = np.count_nonzero(self.cluster_sizes_)
        if found < self.n_clusters:
            validation.warn(
                f"Number of distinct clusters ({found}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
            )
