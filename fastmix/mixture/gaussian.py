"""The mixture of maximum likelihood."""

from collections.abc import Callable
from typing import Any

from numpy.random import RandomState
from numpy.typing import ArrayLike

from fastmix import _validation as validation
from fastmix.engine.squarem import ACCELERATIONS, Stepper
from fastmix.mixture._likelihood import LikelihoodMixture


class GaussianMixture(LikelihoodMixture):
    """Gaussian mixture model, fitted by expectation-maximisation, compiled and parallel.

    Drop-in for :class:`sklearn.mixture.GaussianMixture`: the same parameters, attributes and, from
    the same start, the same parameters and number of iterations to rounding. The bits of the result
    do not depend on the number of threads.

    Parameters
    ----------
    n_components : int, default=1
        Number of components, k.
    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Shape of the components. With the shapes of ``covariances_`` and mclust's names [3]_:

        ================  =================  =====================================  =====
        covariance_type   ``covariances_``   components                             model
        ================  =================  =====================================  =====
        'full'            (k, d, d)          any ellipsoid each                     VVV
        'tied'            (d, d)             one ellipsoid for all                  EEE
        'diag'            (k, d)             an ellipsoid along the axes each       VVI
        'spherical'       (k,)               a sphere each                          VII
        'tied_diag'       (d,)               one ellipsoid along the axes for all   EEI
        'tied_spherical'  ()                 one sphere for all                     EII
        ================  =================  =====================================  =====

        scikit-learn has the first four.
    tol : float, default=1e-3
        EM stops when the mean log-likelihood moves by less than this.
    reg_covar : float, default=1e-6
        Added to every variance, in squared units of X; keeps covariances positive. See
        ``relative_reg_covar``.
    max_iter : int, default=100
        Most EM iterations of one run; with 0 the start is kept.
    n_init : int, default=1
        Number of starts, of which the best run is kept.
    init_params : str, callable or array-like, default='kmeans'
        How rows are shared out at the start:

        - 'kmeans': by the clusters of k-means;
        - 'kmeans-whitened': by the clusters of k-means among rows whitened by their own covariance
          (unit variance along every principal axis). For data that are stretched, or whose features
          have different units; it needs many more rows than features, and a whitened copy of X
          while it runs;
        - 'k-means++': one k-means++ seed each;
        - 'random': at random;
        - 'random_from_data': one random row each;
        - a callable ``init_params(X, n_components=..., random_state=...)``, called once a start,
          that returns labels or responsibilities;
        - an array of labels, ints from 0 to n_components - 1 of shape (n_samples,), or of
          responsibilities, not negative and of sum 1 in every row, of shape
          (n_samples, n_components). There is one start only, then.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from; None leaves them to init_params.
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from.
    precisions_init : array-like or float, default=None
        Precisions (inverse covariances) to start from, of the shape of ``covariances_``.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts and of :meth:`sample`.
    warm_start : bool, default=False
        Whether fit goes on from the last solution instead of starting anew.
    verbose : int, default=0
        1 prints iterations, 2 adds times and changes.
    verbose_interval : int, default=10
        Iterations between two such lines.
    accelerate : {None, 'squarem'}, default=None
        'squarem' leaps along the path of every two EM steps [2]_ and takes back a leap that lowers
        the likelihood: the same stationary points in fewer passes where EM is slow, though not
        always the same one of several.
    on_collapse : {'raise', 'reseed', 'regularize'}, default='raise'
        What is done when a component loses its volume, as one that holds a single row does:

        - 'raise': the run fails; if all do, so does fit, with the reason and what to do;
        - 'reseed': the component restarts at a row that is poorly explained, drawn with
          ``random_state``, with the covariance of the whole data and weight 1/k, at most three
          times a run;
        - 'regularize': just as much is added to the variances of that component that its covariance
          has no eigenvalue below 1e-6 of the mean variance of the features.

        The last two warn with a RuntimeWarning. A covariance that all components share cannot be
        reseeded. The likelihood may fall at such an event.
    relative_reg_covar : bool, default=False
        Whether reg_covar is a fraction of the (weighted) mean variance of the features instead of
        an absolute number. The fit then does not depend on the units of X.
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
        Upper triangular U with U U' = precision for 'full' and 'tied'; for the others inverse standard
        deviations.
    converged_ : bool
        Whether the best run came to rest within ``max_iter`` iterations.
    n_iter_ : int
        EM iterations of the best run: passes over the rows, with those of refused leaps.
    lower_bound_ : float
        Mean log-likelihood before the last EM step of the best run.
    lower_bounds_ : list of float
        The same before every step that was taken.
    fit_report_ : FitReport
        What the fit has done, to be printed: algorithms, how every pass of the best run was done,
        'dense' or 'skipping' the components that cannot matter to a tile of rows; the reason; seconds by
        phase; n_threads.
    init_results_ : list
        One record for every start: n_iter, converged, lower_bound, history, best, error, and
        events: what was done about collapses. A start that fails leaves its error here and does
        not keep the others from being run.
    n_parameters_ : int
        Free parameters of the mixture, as :meth:`bic` counts them.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where all of them are strings.

    See Also
    --------
    BayesianGaussianMixture : Does with fewer components where fewer will do.
    KMeans : Faster, for clusters of about the same round shape.

    Notes
    -----
    E-step and totals of the M-step are one pass over the rows [1]_. Second moments are taken about
    the current means of centred rows, so an offset of the data costs no accuracy. Memory: one
    packed copy of X and at most about 50 bytes a row; no (n, k) array is held during fit.

    References
    ----------
    .. [1] Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete
       data via the EM algorithm. JRSS B 39(1), 1-38. doi:10.1111/j.2517-6161.1977.tb01600.x
    .. [2] Varadhan, R. and Roland, C. (2008). Simple and globally convergent methods for
       accelerating the convergence of any EM algorithm. Scandinavian Journal of Statistics 35(2),
       335-353. doi:10.1111/j.1467-9469.2007.00585.x
    .. [3] Scrucca, L., Fop, M., Murphy, T. B. and Raftery, A. E. (2016). mclust 5: clustering,
       classification and density estimation using Gaussian finite mixture models. The R Journal
       8(1), 289-317, table 3. doi:10.32614/RJ-2016-021

    Examples
    --------
    >>> import numpy as np
    >>> from fastmix import GaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> model.means_.round(3)
    array([[10.,  2.],
           [ 1.,  2.]])
    >>> model.predict([[0, 0], [12, 3]])
    array([1, 0])
    """

    _parameter_constraints = {
        **LikelihoodMixture._parameter_constraints,
        "accelerate": [validation.StrOptions({name for name in ACCELERATIONS if name}), None],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str | Callable[..., ArrayLike] | ArrayLike = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        accelerate: str | None = None,
        on_collapse: str = "raise",
        relative_reg_covar: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.accelerate = accelerate
        self.on_collapse = on_collapse
        self.relative_reg_covar = relative_reg_covar
        self.n_threads = n_threads

    def _stepper(self, model: Any) -> Stepper:
        return ACCELERATIONS[self.accelerate](model)
