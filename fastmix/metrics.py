"""How good a clustering is: silhouettes, compiled and parallel."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from fastmix import _validation as validation
from fastmix.engine.silhouette import KINDS, silhouettes

__all__ = ["silhouette_samples", "silhouette_score"]

PARAMETERS: dict[str, Any] = {
    "kind": [validation.StrOptions(set(KINDS))],
    "n_threads": validation.N_THREADS,
}


@validation.validate_params(PARAMETERS, prefer_skip_nested_validation=True)
def silhouette_samples(
    X: ArrayLike, labels: ArrayLike, *, kind: str = "exact", n_threads: int | None = None
) -> NDArray[Any]:
    """How much nearer every row is to its own cluster than to the next one, from -1 to 1.

    The values of :func:`sklearn.metrics.silhouette_samples`: (b - a) / max(a, b), where a is the mean
    distance of a row to the other rows of its cluster, and b the least mean distance to the rows of
    another cluster [1]_. Near 1 a row is where it belongs, near 0 between two clusters, and below 0
    nearer to another one. A row that is alone in its cluster has 0.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows; float32 is measured in float32, everything else in float64.
    labels : array-like of shape (n_samples,)
        Cluster of every row, by number or name; 2 to n_samples - 1 clusters.
    kind : {'exact', 'simplified'}, default='exact'
        'exact' measures all pairs of rows: O(n_samples**2 n_features) time. 'simplified' takes the
        distances to the means of the clusters instead [2]_: O(n_samples n_clusters n_features) time,
        for data beyond some ten thousand rows.
    n_threads : int or None, default=None
        Most threads to use; None means all CPUs of the process. It never changes the result.

    Returns
    -------
    silhouette : ndarray of shape (n_samples,)
        Silhouette of every row, in the dtype of X.

    Raises
    ------
    TypeError
        If X is sparse.
    ValueError
        If X, labels or a parameter is not as described.

    See Also
    --------
    silhouette_score : Their mean.
    fastmix.plotting.plot_silhouettes : Their picture.

    Notes
    -----
    Memory: copies of X and some numbers a row, whatever the number of clusters; no matrix of distances.

    References
    ----------
    .. [1] Rousseeuw, P. J. (1987). Silhouettes: a graphical aid to the interpretation and validation
       of cluster analysis. Journal of Computational and Applied Mathematics 20, 53-65.
       doi:10.1016/0377-0427(87)90125-7
    .. [2] Vendramin, L., Campello, R. J. G. B. and Hruschka, E. R. (2010). Relative clustering
       validity criteria: a comparative overview. Statistical Analysis and Data Mining 3(4), 209-235.
       doi:10.1002/sam.10080

    Examples
    --------
    >>> from fastmix.metrics import silhouette_samples
    >>> X = [[0.0], [1.0], [10.0], [11.0], [5.0]]
    >>> silhouette_samples(X, [0, 0, 1, 1, 1]).round(2)
    array([ 0.88,  0.87,  0.68,  0.67, -0.18])
    """
    array = _dense(X)
    numbers, k = validation.partition(labels, array)
    return silhouettes(array, numbers, k, kind, n_threads).astype(array.dtype, copy=False)


@validation.validate_params(
    {
        **PARAMETERS,
        "sample_size": [validation.Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def silhouette_score(
    X: ArrayLike,
    labels: ArrayLike,
    *,
    kind: str = "exact",
    sample_size: int | None = None,
    random_state: int | RandomState | None = None,
    n_threads: int | None = None,
) -> float:
    """Mean silhouette of the rows, or of a sample of them.

    The value of :func:`sklearn.metrics.silhouette_score`, with the same sample from the same seed.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows; float32 is measured in float32, everything else in float64.
    labels : array-like of shape (n_samples,)
        Cluster of every row, by number or name; 2 to n_samples - 1 clusters.
    kind : {'exact', 'simplified'}, default='exact'
        What rows are compared with, as in :func:`silhouette_samples`.
    sample_size : int or None, default=None
        Number of random rows, which are compared with each other alone; None means all rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the sample.
    n_threads : int or None, default=None
        Most threads to use; None means all CPUs of the process. It never changes the result.

    Returns
    -------
    silhouette : float
        Between -1 and 1; clusters that are dense and far from each other are near 1.

    Raises
    ------
    TypeError
        If X is sparse.
    ValueError
        If X, labels or a parameter is not as described, or if the sample lacks clusters.

    See Also
    --------
    silhouette_samples : The silhouette of every row.

    Examples
    --------
    >>> from fastmix import KMeans
    >>> from fastmix.metrics import silhouette_score
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> for k in (2, 3, 4):
    ...     print(k, round(silhouette_score(X, KMeans(k, random_state=0).fit_predict(X)), 3))
    2 0.681
    3 0.551
    4 0.498
    """
    if sample_size is not None:
        array = _dense(X)
        numbers, _ = validation.partition(labels, array)
        random = validation.random_state(random_state)
        some = random.permutation(len(array))[:sample_size]
        X, labels = array[some], numbers[some]
    found = silhouette_samples(X, labels, kind=kind, n_threads=n_threads)
    return float(np.mean(found, dtype=np.float64))


def _dense(X: ArrayLike) -> NDArray[Any]:
    """X as validated; TypeError where it is sparse."""
    if sparse.issparse(X):
        raise TypeError("X must be dense, got a sparse matrix; pass X.toarray().")
    return validation.plain_rows(X)
