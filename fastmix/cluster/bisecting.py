"""k-means from the top down."""

import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import count
from typing import Any, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

from fastmix import _validation as validation
from fastmix.cluster._base import KMeansFamily
from fastmix.cluster._callbacks import Task, with_callbacks
from fastmix.engine import bisecting, kmeans
from fastmix.engine.algorithms import ALGORITHMS, SYNONYMS
from fastmix.engine.predictions import may_be_far, nearest
from fastmix.engine.results import AnyRows, Array, Frame, KMeansInit, KMeansResult, Rows
from fastmix.engine.rows import frame_of, measure, pack, power_of_two, to_frame
from fastmix.engine.seeds import SEEDINGS
from fastmix.saving import compounds, kinds
from fastmix.sources import RowsLike, by_blocks

BETTER = 1 - 1e-6  # a later start of a split replaces the best one below this share of its inertia


class BisectingKMeans(KMeansFamily):
    """k-means by splitting clusters in two, compiled and parallel.

    Drop-in for :class:`sklearn.cluster.BisectingKMeans`: the same parameters, attributes and, in
    float64, from the same integer seed the same result, but for rows that are equally near to two
    centers to rounding. The clusters form a tree, which
    :meth:`predict` walks down: fast for many clusters, and more regular in size than those of
    :class:`KMeans`, of somewhat greater inertia.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, k.
    init : {'k-means++', 'random'} or callable, default='random'
        Where the two centers of a split start: at rows spread out by greedy k-means++, at random
        rows, or at the answer of ``init(X, 2, random_state=...)`` for centred rows.
    n_init : int, default=1
        Number of starts of every split, of which the best run is kept.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts.
    max_iter : int, default=300
        Most iterations of one run.
    verbose : int, default=0
        Whether to print the inertia of every iteration and the centers of every split.
    tol : float, default=1e-4
        A run stops when the squared shifts of its centers sum up to at most this, in squared units
        of X (it is not relative to the variance, as it is in :class:`KMeans`).
    copy_x : bool, default=True
        Accepted for compatibility: X is never written to.
    algorithm : {'auto', 'lloyd', 'hamerly', 'filtering', 'quantized', 'mixed_precision', 'elkan'}, \
            default='auto'
        All give the same result, and do Lloyd's passes: two clusters leave nothing to skip. The names
        of :class:`KMeans` are accepted.
    bisecting_strategy : {'biggest_inertia', 'largest_cluster'}, default='biggest_inertia'
        Which cluster is split next: that of the greatest inertia, or of most rows.
    n_threads : int or None, default=None
        Most threads to use; None means all CPUs of the process. It never changes the result.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centers of the leaves of the tree from left to right, in the dtype of X.
    labels_ : ndarray of shape (n_samples,), int32
        Cluster of every row; equal to ``predict(X)``, but not always the nearest center.
    cluster_sizes_ : ndarray of shape (n_clusters,), int64
        Number of rows in every cluster.
    inertia_ : float
        Weighted sum of squared distances to the centers of the clusters.
    inertia_history_ : ndarray of shape (n_clusters - 1,)
        The same after every split.
    fit_report_ : FitReport
        Seconds of the fit by phase, and n_threads.
    init_results_ : list
        One record for every start of every split: n_iter, converged, inertia, history, best, seeds.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where all of them are strings.

    See Also
    --------
    KMeans : All clusters at once.

    Notes
    -----
    The divisive method of Steinbach, Karypis and Kumar [1]_, with Lloyd's algorithm for the splits.
    Time O(n d) an iteration of a split of n rows. Memory: two copies of X and 64 bytes a row.

    References
    ----------
    .. [1] Steinbach, M., Karypis, G. and Kumar, V. (2000). A comparison of document clustering
       techniques. KDD Workshop on Text Mining.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmix import BisectingKMeans
    >>> X = np.array(
    ...     [[1, 1], [10, 1], [3, 1], [10, 0], [2, 1], [10, 2], [10, 8], [10, 9], [10, 10]]
    ... )
    >>> model = BisectingKMeans(n_clusters=3, random_state=0).fit(X)
    >>> model.labels_
    array([0, 2, 0, 2, 0, 2, 1, 1, 1], dtype=int32)
    >>> model.predict([[0, 0], [12, 3]])
    array([0, 2], dtype=int32)
    >>> model.cluster_centers_
    array([[ 2.,  1.],
           [10.,  9.],
           [10.,  1.]])
    """

    _counterpart = "sklearn.cluster.BisectingKMeans"
    _parameter_constraints = {
        **KMeansFamily._parameter_constraints,
        "init": [validation.StrOptions(set(SEEDINGS)), callable],
        "n_init": [KMeansFamily._parameter_constraints["n_init"][-1]],
        "copy_x": ["boolean"],
        "algorithm": [validation.StrOptions({*ALGORITHMS, *SYNONYMS})],
        "bisecting_strategy": [validation.StrOptions(set(bisecting.STRATEGIES))],
    }
    _saved = {
        **KMeansFamily._saved,
        "_tree": compounds.Made(
            {
                "centers": kinds.Numbers("nodes", "d"),
                "objectives": kinds.Numbers("nodes", dtypes=(np.float64,), finite=False),
                "split": kinds.Numbers("nodes", dtypes=(np.bool_,)),
                "n_leaves": kinds.Whole(1, symbol="k"),
            },
            bisecting.as_arrays,
            bisecting.from_arrays,
        ),
    }
    _needed = {
        **KMeansFamily._needed,
        "": ("cluster_centers_", "_frame", "_frame_centers", "_tree"),
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "random",
        n_init: int = 1,
        random_state: int | RandomState | None = None,
        max_iter: int = 300,
        verbose: int = 0,
        tol: float = 1e-4,
        copy_x: bool = True,
        algorithm: str = "auto",
        bisecting_strategy: str = "biggest_inertia",
        n_threads: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.random_state = random_state
        self.max_iter = max_iter
        self.verbose = verbose
        self.tol = tol
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.bisecting_strategy = bisecting_strategy
        self.n_threads = n_threads

    # --- conversion ----------------------------------------------------------------------------

    def _different_there(self) -> dict[str, Any]:
        node = import_module(self._counterpart_class().__module__)._BisectingTree
        exponent, dtype = self._frame.exponent, self.cluster_centers_.dtype
        numbers = count()

        def there(mine: bisecting.Node) -> Any:
            center = np.ldexp(mine.center, exponent).astype(dtype)
            his = node(center, None, 0.0)  # rows and scores are of interest to a fit only
            if mine.children is None:
                his.label = next(numbers)
            else:
                his.left, his.right = map(there, mine.children)
            return his

        private = {**super()._different_there(), "_bisecting_tree": there(self._tree)}
        if self._frame.origin.any():  # not of sparse rows
            private["_X_mean"] = self._frame.origin.astype(dtype)
        return private

    def _take_private(self, model: Any) -> None:
        centers = self.cluster_centers_
        origin = getattr(model, "_X_mean", np.zeros_like(centers[0])).copy()
        exponent = power_of_two(float(np.abs(centers - origin).max()), centers.dtype)

        def here(his: Any) -> bisecting.Node:
            center = np.ldexp(np.ravel(his.center), -exponent).astype(centers.dtype)
            mine = bisecting.Node(center, 0.0)
            if his.left is not None:
                mine.children = here(his.left), here(his.right)
            return mine

        root = here(model._bisecting_tree)
        self._tree, self._frame = root, Frame(origin, exponent)
        self._frame_centers = np.array([leaf.center for leaf in root.leaves()])

    # --- fitting -------------------------------------------------------------------------------

    @with_callbacks
    @validation.checked_fit
    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the tree.

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
        self : BisectingKMeans
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or a parameter is not as described; the estimator is then as it was before.
        """
        with self._fitting(X, sample_weight, self.n_clusters - 1) as (task, array, weight, log):
            self._n_init = self.n_init
            columns = measure(array, self.n_threads)
            frame = frame_of(array, columns, normalise=True)
            packed = pack(array, frame, weight, self.n_threads, columns)
            log.lap("rows")
            self._grow(array, packed, task)
            log.lap("passes")  # and the starts of every split
        return self

    def _grow(self, X: Any, packed: AnyRows, task: Task) -> None:
        """Split leaves until there are enough, and set the fitted attributes."""
        random = validation.random_state(self.random_state)
        root = self._root(X, packed)
        ready = partial(self._ready_tree, root, packed.frame)
        records: list[KMeansInit] = []
        leaves, objectives = [root], [root.objective]
        for _ in range(self.n_clusters - 1):
            place = bisecting.next_leaf(leaves, self.bisecting_strategy)
            leaf = leaves[place]
            part = task.part("split", self.n_init)
            best, its_records = self._best_split(X, leaf, random, part, ready)
            leaves[place : place + 1] = leaf.split(best)
            records += its_records
            objectives.append(math.fsum(leaf.objective for leaf in leaves))
            if self.verbose:
                centers = np.ldexp(best.centers, packed.frame.exponent)
                print(f"New centroids from bisection: {centers}")
            if part.end(ready):
                break
        self.inertia_ = kmeans.to_inertia(objectives[-1], packed)
        self.inertia_history_ = np.array([kmeans.scaled(v, packed) for v in objectives[1:]])
        self.init_results_ = records
        self.labels_ = bisecting.labels(root, packed.n)
        for leaf in leaves:
            leaf.forget()
        for name, value in ready().items():
            setattr(self, name, value)
        if any(may_be_far(packed, centers) for centers in root.splits()):
            self.labels_ = self._leaf_of(X)  # rows of weight 0 may be anywhere
        self.cluster_sizes_ = kmeans.sizes(self.labels_, len(self.cluster_centers_))

    def _root(self, X: Any, packed: AnyRows) -> bisecting.Node:
        """All rows around their mean, which matters only if they are never split."""
        own = bisecting.Own(packed, np.arange(packed.n))
        if self.n_clusters > 1:
            return bisecting.Node(packed.frame.origin, 0.0, packed.n, own)
        mean = np.asarray(X.mean(axis=0, dtype=np.float64))  # float32 may not hold the sum
        center = to_frame(mean.reshape(1, -1), packed.frame)
        return bisecting.Node(center[0], nearest(packed, center)[0], packed.n, own)

    def _ready_tree(self, root: bisecting.Node, frame: Frame, *_: object) -> dict[str, Any]:
        """Attributes with which the estimator can predict."""
        centers = np.array([leaf.center for leaf in root.leaves()])
        return {**self._ready(centers, frame), "_tree": root}

    def _best_split(
        self,
        X: Any,
        leaf: bisecting.Node,
        random: RandomState,
        task: Task,
        ready: Callable[..., dict[str, Any]],
    ) -> tuple[KMeansResult, list[KMeansInit]]:
        """The best of all runs of 2-means on the rows of a leaf, and a record of each."""
        rows, numbers, known = leaf.own()
        if not rows.weight.any():
            raise ValueError(
                f"A cluster of {rows.n} rows is to be split, but 0 of them have a positive "
                "sample_weight. Lower n_clusters or use bisecting_strategy='biggest_inertia'."
            )
        shown = X[numbers] if callable(self.init) else None

        starts = [
            (centers, None if seeds is None else numbers[seeds])
            for centers, seeds in self._starts(shown, rows, 2, self._n_init, random, centred=True)
        ]

        def better(found: KMeansResult, best: KMeansResult) -> bool:
            return found.objective < BETTER * best.objective

        algorithm = bisecting.HALVES if isinstance(rows, Rows) else self._algorithm(rows)
        with np.errstate(over="ignore"):  # rows so near to each other need one pass
            tolerance = float(np.ldexp(float(self.tol), -2 * rows.frame.exponent))
        return self._best_run(rows, starts, algorithm, tolerance, better, task, ready, state=known)

    # --- after the fit -------------------------------------------------------------------------

    @by_blocks
    def predict(self, X: RowsLike) -> NDArray[np.int32]:
        """Cluster of every row, found by going down the tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            Number of the leaf; the left one where both centers of a split are equally near.
        """
        return self._leaf_of(validation.rows(self, X, reset=False, sparse=True))

    def _leaf_of(self, X: Any) -> NDArray[np.int32]:
        """Number of the leaf that every row of X, as validated, comes to."""

        def side(centers: Array, some: NDArray[np.int64]) -> NDArray[np.int32]:
            its = X if len(some) == X.shape[0] else X[some]
            return nearest(*self._in_frame(its, None, self._frame, centers))[1]

        return bisecting.walk(self._tree, X.shape[0], side)
