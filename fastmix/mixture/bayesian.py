"""The Bayesian mixture."""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastmix import _validation as validation
from fastmix.engine.concentrations import WEIGHT_PRIORS
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.results import Floats, Frame, Parameters, Posterior, Rows
from fastmix.engine.shares import mean_and_variances
from fastmix.engine.variational import Priors, Variational, expected_mixture, moments
from fastmix.mixture._base import Mixture
from fastmix.saving import compounds, kinds

POSITIVE = validation.Interval(Real, 0.0, None, closed="neither")
PRIORS = ("weight_concentration_prior_", "mean_precision_prior_", "degrees_of_freedom_prior_")


def _prior_shape(known: kinds.Known) -> tuple[int, ...]:
    """Shape of the covariance_prior_ of what has been read."""
    name: str = known.get("_fitted_type") or known["covariance_type"]
    return COVARIANCES[name].prior_shape(known["d"])


class BayesianGaussianMixture(Mixture):
    """Variational Bayesian Gaussian mixture, compiled and parallel.

    Drop-in for :class:`sklearn.mixture.BayesianGaussianMixture`: the same parameters, attributes
    and, from the same start, the same posterior and number of iterations to rounding. Components
    that the rows do not call for fade: their weights go to what the prior gives them, so
    ``n_components`` is a greatest number only. The bits of the result do not depend on the number
    of threads.

    Parameters
    ----------
    n_components : int, default=1
        Most components, k.
    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Shape of the components: any ellipsoid each, one ellipsoid for all, ellipsoids along the axes,
        spheres, one ellipsoid along the axes for all, or one sphere for all. scikit-learn has the
        first four.
    tol : float, default=1e-3
        A run stops when the lower bound, a total over all rows, moves by less than this.
    reg_covar : float, default=1e-6
        Added to every variance of the rows, in squared units of X.
    max_iter : int, default=100
        Most iterations of one run; with 0 the start is kept.
    n_init : int, default=1
        Number of starts, of which the run of the greatest lower bound is kept.
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
    weight_concentration_prior_type : {'dirichlet_process', 'dirichlet_distribution'}, \
default='dirichlet_process'
        What is believed of the weights: that every component takes a share of what those before it
        left (a Dirichlet process [2]_, cut off after k components), or that all are alike.
    weight_concentration_prior : float, default=None
        Concentration of the weights, above 0; the smaller, the fewer components hold rows. None
        means 1 / n_components.
    mean_precision_prior : float, default=None
        How many rows the belief about a mean is worth, above 0; None means 1.
    mean_prior : array-like of shape (n_features,), default=None
        Where means are believed to be; None means the mean of X.
    degrees_of_freedom_prior : float, default=None
        How many rows the belief about a covariance is worth, above n_features - 1; None means
        n_features.
    covariance_prior : float or array-like, default=None
        Believed covariance times the degrees of freedom: of shape (n_features, n_features) for
        'full' and 'tied', (n_features,) for 'diag' and 'tied_diag', a number for 'spherical' and
        'tied_spherical'. None means the sample covariance of X, its diagonal, or the mean of that.
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
        - 'regularize': just as much is added to the variances of the rows of that component that no
          eigenvalue is below 1e-6 of the mean variance of the features, before the prior takes its
          share.

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
        Expected share of every component; they sum to 1.
    means_ : ndarray of shape (n_components, n_features)
        Expected means.
    covariances_ : ndarray
        Covariances, of shape (k, d, d), (d, d), (k, d), (k,), (d,) or () by ``covariance_type``: the
        inverse of the expected precisions.
    precisions_ : ndarray
        Expected precisions, of the same shape.
    precisions_cholesky_ : ndarray
        Upper triangular U with U U' = precision for 'full' and 'tied'; for the others inverse standard
        deviations.
    weight_concentration_ : tuple of two ndarrays of shape (n_components,) or one ndarray
        Parameters of the Beta distributions of the shares of a process; of the Dirichlet
        distribution, one array.
    mean_precision_ : ndarray of shape (n_components,)
        How many rows the knowledge of every mean is worth.
    degrees_of_freedom_ : ndarray of shape (n_components,) or float
        How many rows the knowledge of every covariance is worth; one number where components share
        one.
    weight_concentration_prior_ : float
        The prior that was used.
    mean_precision_prior_ : float
        The prior that was used.
    mean_prior_ : ndarray of shape (n_features,)
        The prior that was used.
    degrees_of_freedom_prior_ : float
        The prior that was used.
    covariance_prior_ : float or ndarray
        The prior that was used.
    converged_ : bool
        Whether the best run came to rest within ``max_iter`` iterations.
    n_iter_ : int
        Iterations of the best run.
    lower_bound_ : float
        Lower bound on the log-evidence of all rows, but for constants, after the last iteration of
        the best run.
    lower_bounds_ : list of float
        The same after every iteration; without ``reg_covar`` it never falls.
    fit_report_ : FitReport
        What the fit has done, to be printed: algorithms, how every pass of the best run was done,
        'dense' or 'skipping' the components that cannot matter to a tile of rows; the reason; seconds by
        phase; n_threads.
    init_results_ : list
        One record for every start: n_iter, converged, lower_bound, history, best, error,
        events.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where all of them are strings.

    See Also
    --------
    GaussianMixture : Maximum likelihood, with criteria to choose n_components by.

    Notes
    -----
    The posterior is that of [1]_, section 10.2, and its E-step is the one of
    :class:`GaussianMixture` with another constant for every component: one pass over the rows, one
    packed copy of X and at most about 50 bytes a row. `score_samples` and `score` take expected
    logarithms of the parameters, as in scikit-learn: they are not a log-likelihood. Weights of rows
    are evidence: doubling all ``sample_weight`` makes the posterior narrower.

    References
    ----------
    .. [1] Bishop, C. M. (2006). Pattern Recognition and Machine Learning, section 10.2. Springer.
    .. [2] Blei, D. M. and Jordan, M. I. (2006). Variational inference for Dirichlet process
       mixtures. Bayesian Analysis 1(1), 121-143. doi:10.1214/06-BA104

    Examples
    --------
    >>> import numpy as np
    >>> from fastmix import BayesianGaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [4, 2], [12, 4], [10, 7]])
    >>> model = BayesianGaussianMixture(n_components=2, random_state=42).fit(X)
    >>> model.means_.round(3)
    array([[2.498, 2.292],
           [8.455, 4.523]])
    >>> model.predict([[0, 0], [9, 3]])
    array([0, 1])
    """

    _counterpart = "sklearn.mixture.BayesianGaussianMixture"
    _parameter_constraints = {
        **Mixture._parameter_constraints,
        "weight_concentration_prior_type": [validation.StrOptions(set(WEIGHT_PRIORS))],
        "weight_concentration_prior": [POSITIVE, None],
        "mean_precision_prior": [POSITIVE, None],
        "mean_prior": ["array-like", None],
        "degrees_of_freedom_prior": [POSITIVE, None],
        "covariance_prior": ["array-like", POSITIVE, None],
    }
    _saved = {
        **Mixture._saved,
        "weight_concentration_": compounds.either(
            compounds.Series(kinds.Numbers("k", least=0), tuple), kinds.Numbers("k", least=0)
        ),
        "mean_precision_": kinds.Numbers("k", least=0),
        "degrees_of_freedom_": compounds.either(compounds.NUMBER, kinds.Numbers("k", least=0)),
        **dict.fromkeys(PRIORS, compounds.NUMBER),
        "mean_prior_": kinds.Numbers("d"),
        "covariance_prior_": compounds.either(compounds.NUMBER, kinds.Numbers(shape=_prior_shape)),
    }
    _needed = {
        **Mixture._needed,
        "": (
            *Mixture._needed[""],
            "weight_concentration_",
            "mean_precision_",
            "degrees_of_freedom_",
        ),
    }

    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str | ArrayLike | Callable[..., ArrayLike] = "kmeans",
        weight_concentration_prior_type: str = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: ArrayLike | None = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: ArrayLike | None = None,
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
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.on_collapse = on_collapse
        self.relative_reg_covar = relative_reg_covar
        self.n_threads = n_threads

    def _model(self, packed: Rows) -> Variational:
        """What is fitted; the priors are kept on the way."""
        self._check_evidence(packed)
        priors, dtype = self._priors(packed), packed.dtype
        self.weight_concentration_prior_ = priors.concentration
        self.mean_precision_prior_ = priors.mean_precision
        self.mean_prior_ = np.asarray(priors.mean + packed.frame.origin, dtype)
        self.degrees_of_freedom_prior_ = priors.degrees_of_freedom
        self.covariance_prior_ = _number_or_array(priors.covariance, dtype)
        covariance = COVARIANCES[self.covariance_type]
        reg_covar = self._reg_covar(lambda: mean_and_variances(packed)[1])
        return Variational(covariance, reg_covar, priors, packed.weight_exponent, dtype)

    def _check_evidence(self, packed: Rows) -> None:
        """Weights are counts here, as priors are, whose sums and log-factorials need room."""
        d, dtype = packed.d, packed.dtype
        with np.errstate(over="ignore"):
            size = np.ldexp(packed.total, packed.weight_exponent)
        most = float(np.finfo(dtype).max) / (1e4 * d)
        can_count = f"but the posterior of {dtype} rows can count {most:.3g} at most"
        if not size < most:
            raise ValueError(
                f"sample_weight sums up to {size:.3g} rows, {can_count}. Scale sample_weight."
            )
        for name in ("weight_concentration", "mean_precision", "degrees_of_freedom"):
            prior = getattr(self, f"{name}_prior")
            if prior is not None and not prior < most:
                raise ValueError(
                    f"{name}_prior={prior:.3g} is as good as so many rows, {can_count}. Lower it."
                )

    def _priors(self, packed: Rows) -> Priors:
        """Check the priors, fill in the defaults, and put them into the frame."""
        d, covariance = packed.d, COVARIANCES[self.covariance_type]
        mean = believed = None
        if self.mean_prior is not None:
            mean = validation.shaped(self.mean_prior, (d,), "means") - packed.frame.origin
            with np.errstate(over="ignore"):
                reach = np.linalg.norm(mean.astype(np.float64))
            if not np.isfinite(reach * reach):
                raise ValueError(
                    "mean_prior is too far from X: squared distances overflow float64 (largest "
                    f"distance from the mean of X {np.abs(mean).max():.3g}). None takes the mean."
                )
        freedom = d if self.degrees_of_freedom_prior is None else self.degrees_of_freedom_prior
        if not freedom > d - 1:
            raise ValueError(
                "The parameter 'degrees_of_freedom_prior' should be greater than "
                f"{d - 1}, but got {freedom:.3f}."
            )
        if self.covariance_prior is not None:
            name = f"{self.covariance_type} covariance_prior"
            believed = validation.shaped(self.covariance_prior, covariance.prior_shape(d), name)
            try:
                covariance.from_precisions(believed)
            except ValueError as error:
                raise ValueError(
                    f"{error}; here it is covariance_prior that is not. None takes it from X."
                ) from None
        if mean is None or believed is None:
            sample = moments(packed, covariance)
            mean = sample.mean if mean is None else mean
            believed = sample.covariance if believed is None else believed
        k, concentration = self.n_components, self.weight_concentration_prior
        return Priors(
            WEIGHT_PRIORS[self.weight_concentration_prior_type],
            1.0 / k if concentration is None else concentration,
            1.0 if self.mean_precision_prior is None else self.mean_precision_prior,
            mean.astype(np.float64),
            freedom,
            believed.astype(np.float64),
        )

    def _keep_posterior(self, found: Parameters, dtype: DTypeLike) -> None:
        assert found.posterior is not None  # the model makes them
        concentration, mean_precision, degrees_of_freedom = found.posterior
        arrays = tuple(np.asarray(each, dtype) for each in concentration)
        self.weight_concentration_ = arrays if len(arrays) > 1 else arrays[0]
        self.mean_precision_ = np.asarray(mean_precision, dtype)
        self.degrees_of_freedom_ = _number_or_array(degrees_of_freedom, dtype)

    def _parameters(self, frame: Frame) -> Parameters:
        weights = WEIGHT_PRIORS[self.weight_concentration_prior_type]
        means, covariances, factor = self._fitted_components(frame)
        concentration = tuple(np.atleast_2d(np.asarray(self.weight_concentration_, np.float64)))
        if len(concentration) != weights.n_arrays:
            raise ValueError(
                f"weight_concentration_prior_type={self.weight_concentration_prior_type!r} has a "
                f"concentration of {weights.n_arrays} array(s), but weight_concentration_ has "
                f"{len(concentration)}. Set it back, or fit a new estimator."
            )
        posterior = Posterior(
            concentration,
            np.asarray(self.mean_precision_, np.float64),
            np.asarray(self.degrees_of_freedom_, np.float64),
        )
        covariance = COVARIANCES[self.covariance_type]
        return expected_mixture(covariance, weights, posterior, means, covariances, factor)


def _number_or_array(values: Floats, dtype: DTypeLike) -> float | NDArray[Any]:
    """An array in the dtype of the rows; one of no dimension as a number."""
    return np.asarray(values, dtype) if values.ndim else float(values)
