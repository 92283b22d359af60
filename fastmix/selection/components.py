"""How many components, and of what shape?"""

from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from itertools import product
from typing import Any

from numpy.random import RandomState
from numpy.typing import ArrayLike

from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.likelihood import aic, bic
from fastmix.engine.report import Log
from fastmix.mixture import GaussianMixture
from fastmix.selection.grid import criterion_of, names, numbers, seed_of
from fastmix.selection.result import Record, Selection
from fastmix.selection.sweep import Criterion, advised, sweep

CRITERIA = ("bic", "aic", "icl")  # the lower the better
COLUMNS = ("bic", "aic", "log_likelihood", "n_parameters", "n_iter", "converged", "seconds")


def select_gmm(
    X: ArrayLike,
    n_components: int | Iterable[int] = range(1, 11),
    covariance_types: str | Iterable[str] = "all",
    criterion: str = "bic",
    *,
    sample_weight: ArrayLike | None = None,
    n_init: int = 1,
    max_iter: int = 100,
    random_state: int | RandomState | None = None,
    n_threads: int | None = None,
    progress: bool = False,
    **parameters: Any,
) -> Selection:
    """Fit Gaussian mixtures of several sizes and shapes, and choose one.

    Every fit is that of :class:`GaussianMixture` by itself, to the last bit, but rows are checked,
    centred and packed once for all of them, and all covariance types of one number of components
    share their k-means starts.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        At least two rows; float32 stays float32, everything else becomes float64.
    n_components : int or iterable of int, default=range(1, 11)
        Numbers of components to try.
    covariance_types : 'all', str or iterable of str, default='all'
        Shapes to try: 'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical', or all
        six. scikit-learn has the first four.
    criterion : {'bic', 'aic', 'icl'}, default='bic'
        By what is chosen; all are the lower the better:

        - 'bic' finds the number of components [1]_ where rows come from a mixture, the more surely
          the more rows there are [2]_; a cluster that is not normal takes several components;
        - 'aic' prefers more components [3]_: for densities and predictions;
        - 'icl' prefers components that do not overlap, and so counts clusters [4]_; it takes
          another pass over the rows, and n k numbers of memory.
    sample_weight : array-like of shape (n_samples,), default=None
        How often every row counts, not negative; None means 1.
    n_init : int, default=1
        Starts of every fit, as of :class:`GaussianMixture`. An unlucky one looks like a bad number:
        three, which :func:`select_kmeans` and the command line take, are surer and take thrice the time.
    max_iter : int, default=100
        Most EM iterations of one run.
    random_state : int, RandomState instance or None, default=None
        Seed that all fits have. Of None or a RandomState one is drawn; it is the
        ``random_state`` of ``best_estimator_``.
    n_threads : int or None, default=None
        Most threads to use; None means all CPUs of the process. It never changes the result.
    progress : bool, default=False
        Whether a bar tells how far it is.
    **parameters : object
        All other parameters of :class:`GaussianMixture`, such as ``tol``, ``reg_covar``,
        ``init_params`` or ``on_collapse``.

    Returns
    -------
    selection : Selection
        The table of all fits, and ``best_estimator_``. A fit that failed has its reason there, and
        nothing else.

    Raises
    ------
    ValueError
        If X or a parameter is not as described, or if every fit fails.

    Warns
    -----
    ConvergenceWarning, RuntimeWarning
        As :meth:`GaussianMixture.fit` does, of the fit that was chosen.
    UserWarning
        If the best of three or more numbers is the first, but not 1, or the last: ``advice_`` says what to
        try next.

    See Also
    --------
    select_kmeans : The number of clusters of k-means.
    fastmix.plotting.plot_selection : The criterion over the number of components.

    Notes
    -----
    Memory: that of one fit, and 4 bytes a row and start. ``fit_report_`` of the best estimator tells of its
    own starts and passes, not of what all fits share.

    References
    ----------
    .. [1] Schwarz, G. (1978). Estimating the dimension of a model. Annals of Statistics 6(2), 461-464.
       doi:10.1214/aos/1176344136
    .. [2] Keribin, C. (2000). Consistent estimation of the order of mixture models. Sankhya A 62(1),
       49-66.
    .. [3] Akaike, H. (1974). A new look at the statistical model identification. IEEE Transactions on
       Automatic Control 19(6), 716-723. doi:10.1109/TAC.1974.1100705
    .. [4] Biernacki, C., Celeux, G. and Govaert, G. (2000). Assessing a mixture model for clustering with
       the integrated completed likelihood. IEEE PAMI 22(7), 719-725. doi:10.1109/34.865189

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from fastmix import select_gmm
    >>> X, _ = make_blobs(n_samples=1000, centers=4, cluster_std=0.7, random_state=2)
    >>> found = select_gmm(X, range(1, 7), random_state=0)
    >>> found.best_params_
    {'n_components': 4, 'covariance_type': 'tied_spherical'}
    >>> found.best_estimator_.means_.shape
    (4, 2)
    """
    counts = numbers("n_components", n_components, 1)
    kinds = names("covariance_types", covariance_types, COVARIANCES)
    criterion_of(criterion, CRITERIA)
    if "covariance_type" in parameters:
        raise TypeError(
            "select_gmm tries several shapes: give covariance_types=, not covariance_type="
        )
    model = GaussianMixture(
        n_init=n_init,
        max_iter=max_iter,
        random_state=seed_of(random_state),
        n_threads=n_threads,
        **parameters,
    )
    model._validate_params()
    data = model._data(X, sample_weight, Log(), chunks=False)
    clusterings: dict[Any, Any] = {}
    data = data._replace(packed=replace(data.packed, clusterings=clusterings))

    def fit(n_components: int, covariance_type: str) -> tuple[Any, Record]:
        if covariance_type == kinds[0]:
            clusterings.clear()  # of another number of components
        one = copy(model).set_params(n_components=n_components, covariance_type=covariance_type)
        run = one._fit_data(data, Log())
        total, size = one._summed(data.X, data.weight)
        p = one.n_parameters_
        line: Record = {"bic": bic(total, p, size), "aic": aic(total, p), "log_likelihood": total}
        if criterion == "icl":
            line["icl"] = line["bic"] + one._overlap(data.X, data.weight)
        return (one, run), line | {
            "n_parameters": p,
            "n_iter": run.n_iter,
            "converged": run.converged,
        }

    grid = [{"n_components": k, "covariance_type": kind} for k, kind in product(counts, kinds)]
    columns = list(dict.fromkeys((criterion, *COLUMNS)))
    chooses = Criterion(criterion, lower_is_better=True)
    table, number, (best, run) = sweep(grid, fit, columns, chooses, progress)
    best._tell(run)
    return advised(Selection(*chooses, table, number, grid[number], best))
