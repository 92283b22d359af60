"""The mixture of maximum likelihood."""

from collections.abc import Callable
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

from fastmix import _validation as validation
from fastmix.engine.conditioning import condition
from fastmix.engine.covariances import COVARIANCES, from_covariances
from fastmix.engine.likelihood import Given, Likelihood, log_const
from fastmix.engine.results import Floats, Frame, Parameters, Rows
from fastmix.engine.squarem import ACCELERATIONS, Stepper
from fastmix.mixture._base import Mixture

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

    _counterpart = "sklearn.mixture.GaussianMixture"
    _parameter_constraints = {
        **Mixture._parameter_constraints,
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", Real, None],
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

    @classmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        *,
        covariance_type: str = "full",
    ) -> Self:
        """A mixture with these parameters, as if they had been fitted.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Share of every component, from 0 to 1; they sum to 1.
        means : array-like of shape (n_components, n_features)
            Means.
        covariances : array-like or float
            Covariances, of the shape of ``covariances_``.
        covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
            Shape of the components.

        Returns
        -------
        model : GaussianMixture
            In float32 where all three are, otherwise in float64. All other parameters have their
            defaults. ``converged_`` is True, as nothing is left to be done; ``n_iter_`` is 0 and
            ``lower_bound_`` -inf, as no row has been seen. Fit starts anew, or goes on from here
            with ``warm_start=True``.

        Raises
        ------
        ValueError
            If a parameter is not as described, or a covariance is not positive-definite.

        Examples
        --------
        >>> from fastmix import GaussianMixture
        >>> model = GaussianMixture.from_parameters(
        ...     [0.25, 0.75], [[0.0], [4.0]], [1.0, 4.0], covariance_type="spherical"
        ... )
        >>> model.predict([[1.0], [3.0]])
        array([0, 1])
        """
        if not validation.accepts(cls, "covariance_type", covariance_type):
            raise ValueError(
                f"The parameter 'covariance_type' should be one of {', '.join(COVARIANCES)}, but got "
                f"{covariance_type!r}"
            )
        covariance = COVARIANCES[covariance_type]
        centers = validation.matrix(means, "means")
        k, d = centers.shape
        shares = _checked_weights(weights, k)
        given = validation.shaped(covariances, covariance.shape(k, d), "covariances")
        wide = given.astype(np.float64)
        try:
            factor = from_covariances(covariance, wide)
        except ValueError as error:
            raise ValueError(
                f"The parameter 'covariances' should be {covariance.covariance_kind}, but {error}"
            ) from None
        model = cls(k, covariance_type=covariance_type)
        dtype = np.result_type(shares, centers, given)
        constant = log_const(shares, covariance.log_det(factor, k, d), d)
        model._publish(Parameters(shares, centers, wide, factor, constant), np.zeros(d), dtype)
        model.n_features_in_ = d
        model.converged_ = True
        model.n_iter_ = 0
        model.lower_bound_ = -np.inf
        model._complete()
        return model

    def _stepper(self, model: Any) -> Stepper:
        return ACCELERATIONS[self.accelerate](model)

    def _model(self, packed: Rows) -> Likelihood:
        given = self._given(packed.d, packed.frame)
        return Likelihood(COVARIANCES[self.covariance_type], self._reg_covar(packed), given)

    def _given(self, d: int, frame: Frame) -> Given:
        """Check weights_init, means_init and precisions_init, and put them into the frame."""
        k, covariance = self.n_components, COVARIANCES[self.covariance_type]
        weights = means = factor = None
        if self.weights_init is not None:
            weights = _checked_weights(self.weights_init, k).astype(np.float64)
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
        means, covariances, factor = self._fitted_components(frame)
        weights = np.asarray(self.weights_, np.float64)
        constant = log_const(weights, covariance.log_det(factor, *means.shape), means.shape[1])
        return Parameters(weights, means, covariances, factor, constant)

    @property
    def n_parameters_(self) -> int:
        """Free parameters of the mixture: of weights, means and covariances."""
        return self._n_parameters()

    def _n_parameters(self) -> int:
        """Free parameters of the mixture."""
        self._check_fitted_type()
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

    def icl(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Integrated completed likelihood criterion; the lower the better.

        Beside the fit it rewards components that do not overlap, so it counts clusters where
        :meth:`bic` counts components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        sample_weight : array-like of shape (n_samples,), default=None
            How often every row counts, not negative; None means 1.

        Returns
        -------
        icl : float
            :meth:`bic` - 2 sum of w log r, r the probability of a row's most probable component:
            BIC of the rows with the labels of :meth:`predict`, the version of mclust, in the sign of
            bic (Biernacki, Celeux & Govaert 2000, doi:10.1109/34.865189).
        """
        array = validation.rows(self, X, reset=False)
        weight = validation.weights(sample_weight, array)
        doubt = np.log1p(-self.uncertainty(X).astype(np.float64))
        return self.bic(X, sample_weight) - 2 * float(
            doubt.sum() if weight is None else weight @ doubt
        )

    def marginal(self, dims: ArrayLike) -> Self:
        """The mixture of some features, whatever the others are.

        Parameters
        ----------
        dims : array-like of int or str
            Numbers of the features, or their names where the fit saw names; in any order, none twice.

        Returns
        -------
        model : GaussianMixture
            Of the same covariance_type, as from :meth:`from_parameters`, with random_state and
            n_threads of this one.

        Examples
        --------
        >>> from fastmix import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.0, 5.0]], [[[2.0, 1.0], [1.0, 3.0]]])
        >>> model.marginal([1]).covariances_
        array([[[3.]]])
        """
        validation.check_is_fitted(self)
        chosen = validation.columns(self, dims, np.shape(self.means_)[1])
        fitted = self._parameters(Frame(self._fitted_means()[0], 0))
        covariances = COVARIANCES[self.covariance_type].marginal(fitted.covariances, chosen)
        means = np.asarray(self.means_, np.float64)[:, chosen]
        return self._of_features(chosen, fitted.weights, means, covariances)

    def condition(self, dims: ArrayLike, values: ArrayLike) -> Self:
        """The mixture of the other features where these features have the given values.

        Parameters
        ----------
        dims : array-like of int or str
            Numbers of the known features, or their names where the fit saw names; not all of them.
        values : array-like of shape (len(dims),)
            Their values.

        Returns
        -------
        model : GaussianMixture
            Of the remaining features in their order, of the same covariance_type, as from
            :meth:`from_parameters`, with random_state and n_threads of this one. Weights follow from
            Bayes' rule, means and covariances from regression of every component (Bishop 2006,
            Pattern Recognition and Machine Learning, equations 2.81 and 2.82).

        Raises
        ------
        ValueError
            If dims or values are not as described, or the values are too far from every component.

        Examples
        --------
        >>> from fastmix import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.0, 5.0]], [[[2.0, 1.0], [1.0, 3.0]]])
        >>> given = model.condition([0], [4.0])
        >>> given.means_, given.covariances_
        (array([[7.]]), array([[[2.5]]]))
        """
        validation.check_is_fitted(self)
        d = np.shape(self.means_)[1]
        known = validation.columns(self, dims, d)
        rest = np.setdiff1d(np.arange(d), known)
        if len(rest) == 0:
            raise ValueError(
                f"The parameter 'dims' should leave a feature of the {d}, but got all of them. For "
                "the density of whole rows call score_samples."
            )
        point = validation.shaped(np.atleast_1d(values), known.shape, "values")
        origin = self._fitted_means()[0]
        fitted, origin = self._parameters(Frame(origin, 0)), origin.astype(np.float64)
        covariance = COVARIANCES[self.covariance_type]
        weights, means, covariances = condition(
            fitted, covariance, known, rest, point - origin[known]
        )
        return self._of_features(rest, weights, means + origin[rest], covariances)

    def _of_features(
        self, chosen: NDArray[np.int64], weights: Floats, means: Floats, covariances: Floats
    ) -> Self:
        """A mixture of the chosen features, in the dtype of this one."""
        dtype = np.asarray(self.means_).dtype
        parts = (weights / weights.sum(), means, covariances)
        weights, means, covariances = (part.astype(dtype) for part in parts)
        model = self.from_parameters(
            weights, means, covariances, covariance_type=self.covariance_type
        )
        model.random_state, model.n_threads = self.random_state, self.n_threads
        if hasattr(self, "feature_names_in_"):
            model.feature_names_in_ = self.feature_names_in_[chosen]
        return model


def _checked_weights(weights: ArrayLike, k: int) -> NDArray[Any]:
    """Weights (k,) from 0 to 1 whose sum is 1."""
    checked = validation.shaped(weights, (k,), "weights")
    if np.any(checked < 0.0) or np.any(checked > 1.0):
        # least before greatest although the text says otherwise: it is scikit-learn's
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{checked.min():.5f}, min value {checked.max():.5f}"
        )
    if not abs(1.0 - checked.sum()) <= WEIGHT_SUM_TOLERANCE[checked.dtype]:
        raise ValueError(
            "The parameter 'weights' should be normalized, but got sum(weights) = "
            f"{checked.sum():.5f}"
        )
    return checked
