"""How many clusters?"""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from fastmix import _validation as validation
from fastmix.cluster import KMeans
from fastmix.engine.results import Floats
from fastmix.selection import criteria
from fastmix.selection.criteria import FEWEST, LOWER_IS_BETTER, Clustering
from fastmix.selection.grid import criterion_of, numbers, seed_of
from fastmix.selection.result import Record, Selection
from fastmix.selection.sweep import Criterion, advised, sweep

COLUMNS = (*LOWER_IS_BETTER, "inertia", "n_iter", "converged", "seconds")


def select_kmeans(
    X: ArrayLike,
    n_clusters: int | Iterable[int] = range(2, 11),
    criterion: str = "calinski_harabasz",
    *,
    sample_weight: ArrayLike | None = None,
    n_init: int | str = 3,
    max_iter: int = 300,
    random_state: int | RandomState | None = None,
    n_threads: int | None = None,
    progress: bool = False,
    **parameters: Any,
) -> Selection:
    """Fit k-means with several numbers of clusters, and choose one.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows to cluster, sparse ones in CSR form.
    n_clusters : int or iterable of int, default=range(2, 11)
        Numbers of clusters to try.
    criterion : {'calinski_harabasz', 'silhouette', 'bic'}, default='calinski_harabasz'
        By what is chosen. ``inertia_``, which falls with every further cluster, cannot choose [1]_:

        - 'calinski_harabasz', the higher the better: the variance between clusters over that within,
          each over its degrees of freedom [2]_. The best of thirty in a classic comparison [3]_, and
          sure with clusters of different sizes, widths and shapes, as long as there are gaps between
          them; it needs two clusters at least;
        - 'silhouette', the higher the better: the simplified silhouette [4]_ [5]_, the mean of
          1 - a / b over the rows, a the distance to the own center and b to the second nearest. It
          prefers wide gaps, and takes two clusters that are near to each other for one; it needs two
          at least;
        - 'bic', the lower the better: that of the mixture which k-means is the limit of, normal
          clusters of one variance along every axis, every row counted for its own cluster [6]_. It
          tells one cluster from two; clusters that are stretched, or not of one width, it splits.
    sample_weight : array-like of shape (n_samples,), default=None
        How often every row counts, not negative; None means 1. 'calinski_harabasz' and 'bic' take
        their sum for the number of rows.
    n_init : int, 'auto' or 'breathing', default=3
        Starts of every fit, as of :class:`KMeans`. A single one may leave two clusters as one, and so
        mislead every criterion.
    max_iter : int, default=300
        Most iterations of one run.
    random_state : int, RandomState instance or None, default=None
        Seed that all fits have. Of None or a RandomState one is drawn; it is the
        ``random_state`` of ``best_estimator_``.
    n_threads : int or None, default=None
        Most threads to use; None means all CPUs of the process. It never changes the result.
    progress : bool, default=False
        Whether a bar tells how far it is.
    **parameters : object
        All other parameters of :class:`KMeans`, such as ``tol`` or ``init``.

    Returns
    -------
    selection : Selection
        The table of all fits, with all three criteria, and ``best_estimator_``. A fit that failed has
        its reason there, and nothing else: so has one that finds fewer clusters than it should, as
        rows are equal.

    Raises
    ------
    ValueError
        If X or a parameter is not as described, or if every fit fails.

    Warns
    -----
    UserWarning
        If the best of three or more numbers is the first or the last: ``advice_`` says what to try next.

    See Also
    --------
    select_gmm : The number and the shape of the components of a mixture.
    fastmix.plotting.plot_selection : The criterion over the number of clusters.

    Notes
    -----
    Memory: that of two fits, as the best one is kept with its labels.

    References
    ----------
    .. [1] Schubert, E. (2023). Stop using the elbow criterion for k-means and how to choose the number
       of clusters instead. SIGKDD Explorations 25(1), 36-42. doi:10.1145/3606274.3606278
    .. [2] Calinski, T. and Harabasz, J. (1974). A dendrite method for cluster analysis. Communications in
       Statistics 3(1), 1-27. doi:10.1080/03610927408827101
    .. [3] Milligan, G. W. and Cooper, M. C. (1985). An examination of procedures for determining the
       number of clusters in a data set. Psychometrika 50(2), 159-179. doi:10.1007/BF02294245
    .. [4] Rousseeuw, P. J. (1987). Silhouettes: a graphical aid to the interpretation and validation of
       cluster analysis. J. Comput. Appl. Math. 20, 53-65. doi:10.1016/0377-0427(87)90125-7
    .. [5] Vendramin, L., Campello, R. J. G. B. and Hruschka, E. R. (2010). Relative clustering validity
       criteria: a comparative overview. Statistical Analysis and Data Mining 3(4), 209-235.
       doi:10.1002/sam.10080
    .. [6] Pelleg, D. and Moore, A. (2000). X-means: extending k-means with efficient estimation of the
       number of clusters. ICML 17, 727-734; its likelihood is mended in [1]_.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from fastmix import select_kmeans
    >>> X, _ = make_blobs(n_samples=1000, centers=4, cluster_std=0.7, random_state=2)
    >>> found = select_kmeans(X, random_state=0)
    >>> found.best_params_
    {'n_clusters': 4}
    >>> found.best_estimator_.cluster_centers_.shape
    (4, 2)
    """
    why = "; inertia always falls with more clusters, so it chooses none" * (criterion == "inertia")
    criterion_of(criterion, LOWER_IS_BETTER, why)
    least = FEWEST[criterion]
    counts = numbers("n_clusters", n_clusters, least, f", and {criterion} needs {least} clusters")
    given: dict[str, Any] = {"n_init": n_init, "max_iter": max_iter, "n_threads": n_threads}
    given |= {"random_state": seed_of(random_state), **parameters}
    model = KMeans(counts[0], **given)
    model._validate_params()
    array = validation.rows(model, X, reset=True, sparse=True)
    weight = validation.weights(sample_weight, array)
    whole = KMeans(1, random_state=0, n_threads=n_threads).fit(array, sample_weight=weight).inertia_

    def fit(n_clusters: int) -> tuple[KMeans, Record]:
        one = KMeans(n_clusters, **given)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # told in the table
            one.fit(array, sample_weight=weight)
        kept = next(record for record in one.init_results_ if record.best)
        line = {"inertia": one.inertia_, "n_iter": one.n_iter_, "converged": bool(kept.converged)}
        return one, line | _criteria(one, array, weight, whole)

    grid = [{"n_clusters": k} for k in counts]
    chooses = Criterion(criterion, LOWER_IS_BETTER[criterion])
    table, number, best = sweep(grid, fit, COLUMNS, chooses, progress)
    validation.rows(best, X, reset=True, sparse=True)  # names of features
    return advised(Selection(*chooses, table, number, grid[number], best, least))


def _criteria(model: KMeans, X: Any, weight: Floats | None, whole: float) -> Record:
    """All criteria of a fit to X (n, d) as validated; `whole` is the inertia of one cluster.

    Raises
    ------
    ValueError
        If there are fewer clusters than there should be.
    """
    k, counts = model.n_clusters, model.cluster_sizes_
    if not counts.all():
        raise ValueError(
            f"X has {np.count_nonzero(counts)} distinct clusters only, as rows are equal: fewer than {k}."
        )
    sizes = np.bincount(model.labels_, weight, minlength=k).astype(np.float64)
    found = Clustering(sizes, model.inertia_, X.shape[1])
    if k == 1:
        return {"bic": criteria.bic(found)}
    return {
        "silhouette": criteria.silhouette(*model._seen(X, weight), counts),
        "calinski_harabasz": criteria.calinski_harabasz(found, whole),
        "bic": criteria.bic(found),
    }
