"""k-means and its seeding as functions."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from fastmix import _validation as validation
from fastmix.cluster.kmeans import KMeans
from fastmix.engine.rows import frame_of, measure, pack
from fastmix.engine.seeds import PlusPlus

ROWS = ["array-like", "sparse matrix"]


@validation.validate_params(
    {"X": ROWS, "sample_weight": ["array-like", None], "return_n_iter": [bool]},
    prefer_skip_nested_validation=False,
)
def k_means(
    X: ArrayLike,
    n_clusters: int,
    *,
    sample_weight: ArrayLike | None = None,
    init: Any = "k-means++",
    n_init: int | str = "auto",
    max_iter: int = 300,
    verbose: bool | int = False,
    tol: float = 1e-4,
    random_state: int | RandomState | None = None,
    copy_x: bool = True,
    algorithm: str = "auto",
    return_n_iter: bool = False,
    n_threads: int | None = None,
) -> tuple[Any, ...]:
    """Centers, labels and inertia of k-means.

    Drop-in for :func:`sklearn.cluster.k_means`. :class:`KMeans` does the same and can predict.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows to cluster; float32 stays float32, everything else becomes float64.
    n_clusters : int
        Number of clusters, k.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of every row, not negative; None means 1.
    init : {'k-means++', 'random'}, callable or array-like of shape (n_clusters, n_features), \
default='k-means++'
        Where the centers start, as in :class:`KMeans`.
    n_init : 'auto' or int, default='auto'
        Number of starts, of which the best run is kept.
    max_iter : int, default=300
        Most iterations of one run.
    verbose : bool, default=False
        Whether to print the inertia of every iteration.
    tol : float, default=1e-4
        A run stops when the squared shifts of all centers sum up to at most ``tol`` times the mean
        variance of the features.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts.
    copy_x : bool, default=True
        Accepted for compatibility: X is never written to.
    algorithm : {'auto', 'lloyd', 'hamerly', 'filtering', 'quantized', 'mixed_precision', 'elkan'}, \
            default='auto'
        All give the same result.
    return_n_iter : bool, default=False
        Whether to return the number of iterations.
    n_threads : int or None, default=None
        Most threads to use; None means all CPUs of the process.

    Returns
    -------
    centroid : ndarray of shape (n_clusters, n_features)
        Centers.
    label : ndarray of shape (n_samples,), int32
        Number of the nearest center of every row.
    inertia : float
        Weighted sum of squared distances to the nearest centers.
    best_n_iter : int
        Iterations of the best run; only with ``return_n_iter=True``.

    Raises
    ------
    ValueError
        If X or a parameter is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmix import k_means
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> centroid, label, inertia = k_means(X, n_clusters=2, random_state=0)
    >>> label
    array([1, 1, 1, 0, 0, 0], dtype=int32)
    >>> inertia
    16.0
    """
    model = KMeans(
        n_clusters,
        init=init,
        n_init=n_init,
        max_iter=max_iter,
        tol=tol,
        verbose=verbose,
        random_state=random_state,
        copy_x=copy_x,
        algorithm=algorithm,
        n_threads=n_threads,
    ).fit(X, sample_weight=sample_weight)
    found = model.cluster_centers_, model.labels_, model.inertia_
    return (*found, model.n_iter_) if return_n_iter else found


@validation.validate_params(
    {
        "X": ROWS,
        "n_clusters": [validation.Interval(Integral, 1, None, closed="left")],
        "sample_weight": ["array-like", None],
        "x_squared_norms": ["array-like", None],
        "random_state": ["random_state"],
        "n_local_trials": [validation.Interval(Integral, 1, None, closed="left"), None],
        "n_threads": validation.N_THREADS,
    },
    prefer_skip_nested_validation=True,
)
def kmeans_plusplus(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: ArrayLike | None = None,
    x_squared_norms: ArrayLike | None = None,
    random_state: int | RandomState | None = None,
    n_local_trials: int | None = None,
    n_threads: int | None = None,
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Rows that are good places to start k-means from.

    Drop-in for :func:`sklearn.cluster.kmeans_plusplus`: greedy k-means++ [1]_. In float64 the same
    integer seed chooses the rows that scikit-learn chooses.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows to choose from.
    n_clusters : int
        Number of rows to choose, k.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of every row, not negative; None means 1. A row of weight 0 is not chosen.
    x_squared_norms : array-like of shape (n_samples,), default=None
        Accepted for compatibility: distances are measured without it.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.
    n_local_trials : int or None, default=None
        Candidates for every further row, of which the best one is kept; None means
        ``2 + int(log(n_clusters))``.
    n_threads : int or None, default=None
        Most threads to use; None means all CPUs of the process. It never changes the result.

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features)
        The chosen rows, in the dtype of X.
    indices : ndarray of shape (n_clusters,), int64
        Their numbers: ``X[indices] == centers``.

    Raises
    ------
    ValueError
        If X or a parameter is not as described.

    References
    ----------
    .. [1] Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
       SODA 2007, 1027-1035. doi:10.5555/1283383.1283494

    Examples
    --------
    >>> import numpy as np
    >>> from fastmix import kmeans_plusplus
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> centers, indices = kmeans_plusplus(X, n_clusters=2, random_state=0)
    >>> centers
    array([[10,  2],
           [ 1,  0]])
    >>> indices
    array([3, 2])
    """
    array = validation.plain_rows(X)
    n = array.shape[0]
    if n < n_clusters:
        raise ValueError(f"n_samples={n} should be >= n_clusters={n_clusters}.")
    weight = validation.weights(sample_weight, array)
    if x_squared_norms is not None:
        validation.squared_norms(x_squared_norms, array)
    frame = frame_of(array, measure(array, n_threads), normalise=True)
    packed = pack(array, frame, weight, n_threads)
    random = validation.random_state(random_state)
    indices = PlusPlus(packed, n_local_trials).draw(n_clusters, random)[0].astype(np.int64)
    if sparse.issparse(X):
        return X.tocsr()[indices].toarray(), indices
    return np.asarray(X)[indices], indices
