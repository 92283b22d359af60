"""Gaussian mixtures behind scikit-learn's API."""

from collections.abc import Callable

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike

from fastmix import _validation as validation
from fastmix._mixture import Mixture
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.likelihood import Given, Likelihood, log_const
from fastmix.engine.results import Frame, Parameters, Rows

WEIGHT_SUM_TOLERANCE = {np.dtype(np.float64): 1e-8, np.dtype(np.float32): 1e-6}


class GaussianMixture(Mixture):
    """Gaussian mixture model, fitted by expectation-maximisation, compiled and parallel.

    Drop-in for :class:`sklearn.mixture.GaussianMixture`: the same parameters, attributes and, from
    the same start, the same parameters and number of iterations to rounding. The bits of the result
    do not depend on the number of threads.

    Parameters
    ----------
    n_components : int, default=1
        Number of components, k.
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
        Shape of the components: any ellipsoid each, one ellipsoid for all, ellipsoids along the axes,
        or spheres.
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
    precisions_init : array-like, default=None
        Precisions (inverse covariances) to start from, of the shape of ``covariances_``.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts and of :meth:`sample`.
    warm_start : bool, default=False
        Whether fit goes on from the last solution instead of starting anew.
    verbose : int, default=0
        1 prints iterations, 2 adds times and changes.
    verbose_interval : int, default=10
        Iterations between two such lines.
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
        Covariances, of shape (k, d, d), (d, d), (k, d) or (k,) by ``covariance_type``.
    precisions_ : ndarray
        Their inverses, of the same shape.
    precisions_cholesky_ : ndarray
        Upper triangular U with U U' = precision; inverse standard deviations for the last two types.
    converged_ : bool
        Whether the best run stopped before ``max_iter``.
    n_iter_ : int
        EM iterations of the best run.
    lower_bound_ : float
        Mean log-likelihood before the last EM step of the best run.
    lower_bounds_ : list of float
        The same before every step.
    init_results_ : list
        One record for every start: n_iter, converged, lower_bound, history, best, error, and
        events: what was done about collapses. A start that fails leaves its error here and does
        not keep the others from being run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where all of them are strings.

    See Also
    --------
    KMeans : Faster, for clusters of about the same round shape.

    Notes
    -----
    E-step and totals of the M-step are one pass over the rows [1]_. Second moments are taken about
    the current means of centred rows, so an offset of the data costs no accuracy. Memory: one copy
    of X and 8 bytes a row; no (n, k) array is held during fit.

    References
    ----------
    .. [1] Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete
       data via the EM algorithm. JRSS B 39(1), 1-38. doi:10.1111/j.2517-6161.1977.tb01600.x

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
        **Mixture._parameter_constraints,
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
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
        self.on_collapse = on_collapse
        self.relative_reg_covar = relative_reg_covar
        self.n_threads = n_threads

    def _model(self, packed: Rows) -> Likelihood:
        given = self._given(packed.tiles.shape[1], packed.frame)
        return Likelihood(COVARIANCES[self.covariance_type], self._reg_covar(packed), given)

    def _given(self, d: int, frame: Frame) -> Given:
        """Check weights_init, means_init and precisions_init, and put them into the frame."""
        k, covariance = self.n_components, COVARIANCES[self.covariance_type]
        weights = means = factor = None
        if self.weights_init is not None:
            weights = validation.shaped(self.weights_init, (k,), "weights")
            tolerance = WEIGHT_SUM_TOLERANCE[weights.dtype]
            if np.any(weights < 0.0) or np.any(weights > 1.0):
                # least before greatest although the text says otherwise: it is scikit-learn's
                raise ValueError(
                    "The parameter 'weights' should be in the range [0, 1], but got max value "
                    f"{weights.min():.5f}, min value {weights.max():.5f}"
                )
            if not abs(1.0 - weights.sum()) <= tolerance:
                raise ValueError(
                    "The parameter 'weights' should be normalized, but got sum(weights) = "
                    f"{weights.sum():.5f}"
                )
            weights = weights.astype(np.float64)
        if self.means_init is not None:
            means = validation.shaped(self.means_init, (k, d), "means") - frame.origin
            means = means.astype(np.float64)
        if self.precisions_init is not None:
            shape, name = covariance.shape(k, d), covariance.precision_name
            precisions = validation.shaped(self.precisions_init, shape, name)
            factor = covariance.from_precisions(precisions.astype(np.float64))
        return Given(weights, means, factor)

    def _parameters(self, frame: Frame) -> Parameters:
        covariance = COVARIANCES[self.covariance_type]
        origin, means = self._fitted_means()
        chol = np.asarray(self.precisions_cholesky_, np.float64)
        fitted_type = getattr(self, "_fitted_type", self.covariance_type)
        if chol.shape != covariance.shape(*means.shape) or fitted_type != self.covariance_type:
            raise ValueError(
                f"covariance_type={self.covariance_type!r} needs precisions_cholesky_ of shape "
                f"{covariance.shape(*means.shape)}, but the fitted one is of shape {chol.shape} and "
                f"covariance_type {fitted_type!r}. Set it back, or fit a new estimator."
            )
        factor = covariance.from_chol(chol)
        weights = np.asarray(self.weights_, np.float64)
        means = means + (origin.astype(np.float64) - frame.origin)
        constant = log_const(weights, covariance.log_det(factor, *means.shape), means.shape[1])
        known = getattr(self, "covariances_", None)  # not among what predict needs, if set by hand
        covariances = covariance.invert(factor) if known is None else np.asarray(known, np.float64)
        return Parameters(weights, means, covariances, factor, constant)

    def _n_parameters(self) -> int:
        """Free parameters of the mixture."""
        k, d = self.means_.shape
        return k * d + k - 1 + COVARIANCES[self.covariance_type].n_parameters(k, d)

    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Bayesian information criterion; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        sample_weight : array-like of shape (n_samples,), default=None
            How often every row counts, not negative; None means 1.

        Returns
        -------
        bic : float
            -2 log-likelihood + p log n for p free parameters, n the total weight (Schwarz 1978,
            doi:10.1214/aos/1176344136).
        """
        total, size = self._log_likelihood(X, sample_weight)
        return float(-2 * total + self._n_parameters() * np.log(size))

    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Akaike information criterion; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        sample_weight : array-like of shape (n_samples,), default=None
            How often every row counts, not negative; None means 1.

        Returns
        -------
        aic : float
            -2 log-likelihood + 2 p for p free parameters (Akaike 1974,
            doi:10.1109/TAC.1974.1100705).
        """
        total, _ = self._log_likelihood(X, sample_weight)
        return float(-2 * total + 2 * self._n_parameters())
