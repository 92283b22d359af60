"""Gaussian mixtures behind scikit-learn's API."""

import time
import warnings
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning

from fastmix import _validation as validation
from fastmix.engine import em
from fastmix.engine.covariances import COVARIANCES, CollapseError
from fastmix.engine.results import Floats, Frame, MixtureInit, MixtureResult, Parameters, Rows
from fastmix.engine.rows import frame_of, measure, pack
from fastmix.engine.starts import STARTS, Given, start

WEIGHT_SUM_TOLERANCE = {np.dtype(np.float64): 1e-8, np.dtype(np.float32): 1e-6}


class GaussianMixture(DensityMixin, BaseEstimator):
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
        Added to every variance, in squared units of X; keeps covariances positive.
    max_iter : int, default=100
        Most EM iterations of one run; with 0 the start is kept.
    n_init : int, default=1
        Number of starts, of which the best run is kept.
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, default='kmeans'
        How rows are shared out at the start: by the clusters of k-means, one k-means++ seed each,
        at random, or one random row each.
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
        One record for every start: n_iter, converged, lower_bound, history, best, error.
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
        "n_components": [validation.Interval(Integral, 1, None, closed="left")],
        "covariance_type": [validation.StrOptions(set(COVARIANCES))],
        "tol": [validation.Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [validation.Interval(Real, 0.0, None, closed="left")],
        "max_iter": [validation.Interval(Integral, 0, None, closed="left")],
        "n_init": [validation.Interval(Integral, 1, None, closed="left")],
        "init_params": [validation.StrOptions(set(STARTS))],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [validation.Interval(Integral, 1, None, closed="left")],
        "n_threads": validation.N_THREADS,
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
        init_params: str = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
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
        self.n_threads = n_threads

    @validation.checked_fit
    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find weights, means and covariances.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least two rows; float32 stays float32, everything else becomes float64.
        y : object
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How often every row counts, not negative; None means 1. Whole numbers give what
            repeated rows give; scaling all weights changes nothing.

        Returns
        -------
        self : GaussianMixture
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or a parameter is not as described, or if a component collapses; the estimator is
            then as it was before.
        """
        self._fit(X, sample_weight)
        return self

    @validation.checked_fit
    def fit_predict(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Fit, and give the most probable component of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least two rows.
        y : object
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How often every row counts, not negative; None means 1.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int64
            Equal to ``fit(X).predict(X)``.
        """
        return self._expectation(self._fit(X, sample_weight)).labels

    def _fit(self, X: ArrayLike, sample_weight: ArrayLike | None) -> NDArray[Any]:
        """Fit, and give X as validated."""
        with validation.all_or_nothing(self):
            array = validation.rows(self, X, reset=True, min_samples=2)
            if len(array) < self.n_components:
                raise ValueError(
                    "Expected n_samples >= n_components but got n_components = "
                    f"{self.n_components}, n_samples = {len(array)}"
                )
            weight = validation.weights(sample_weight, array)
            going_on = self.warm_start and hasattr(self, "converged_")
            if going_on:
                self._check_same_shape(array)
            frame = frame_of(array, measure(array, self.n_threads), normalise=False)
            given = self._given(array.shape[1], frame)
            packed = pack(array, frame, weight, self.n_threads)
            self._keep(packed, *self._best_run(packed, given, going_on))
        return array

    def _check_same_shape(self, X: NDArray[Any]) -> None:
        """A warm start needs the number of components and features of the last fit."""
        was = self.means_.shape
        for name, old, new in (
            ("n_components", was[0], self.n_components),
            ("the number of features of X", was[1], X.shape[1]),
        ):
            if old != new:
                raise ValueError(
                    f"warm_start=True goes on from the last fit, but {name} has changed from {old} "
                    f"to {new}. Set warm_start=False or fit a new estimator."
                )

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

    def _best_run(
        self, packed: Rows, given: Given, going_on: bool
    ) -> tuple[MixtureResult, list[MixtureInit]]:
        """The best of all runs, and a record of each."""
        random = validation.random_state(self.random_state)
        best: MixtureResult | None = None
        records: list[MixtureInit] = []
        collapse: CollapseError | None = None
        for run in range(1 if going_on else self.n_init):
            if self.verbose:
                print(f"Initialization {run}")
            try:
                found = self._run(packed, given, going_on, random)
            except CollapseError as error:
                collapse = collapse or error
                records.append(MixtureInit(0, False, -np.inf, [], False, str(error)))
                continue
            history = list(found.history)
            records.append(
                MixtureInit(found.n_iter, found.converged, found.bound, history, False, None)
            )
            if best is None or found.bound > best.bound:
                best, place = found, run
        if best is None:
            assert collapse is not None  # n_init >= 1
            raise collapse
        records[place] = records[place]._replace(best=True)
        return best, records

    def _run(
        self, packed: Rows, given: Given, going_on: bool, random: RandomState
    ) -> MixtureResult:
        """One start and its EM steps."""
        clock = time.perf_counter()
        covariance = COVARIANCES[self.covariance_type]
        if going_on:
            first, bound = self._parameters(packed.frame), self.lower_bound_
        else:
            first = start(
                packed,
                self.n_components,
                self.init_params,
                given,
                covariance,
                self.reg_covar,
                random,
            )
            bound = -np.inf
        found = em.run(
            packed,
            first,
            covariance,
            tol=self.tol,
            max_iter=self.max_iter,
            reg_covar=self.reg_covar,
            bound=bound,
            verbose=self.verbose,
            verbose_interval=self.verbose_interval,
        )
        if self.verbose:
            how = "converged" if found.converged else "did not converge"
            seconds = time.perf_counter() - clock
            more = f" time lapse {seconds:.5f}s\t lower bound {found.bound:.5f}."
            print(f"Initialization {how}.{more if self.verbose > 1 else ''}")
        return found

    def _keep(self, packed: Rows, best: MixtureResult, records: list[MixtureInit]) -> None:
        """Set the fitted attributes."""
        if not best.converged and self.max_iter > 0:
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, or "
                "increase max_iter, tol, or check for degenerate data.",
                ConvergenceWarning,
                stacklevel=5,
            )
        covariance, dtype = COVARIANCES[self.covariance_type], packed.tiles.dtype
        found = best.parameters

        def public(values: Floats) -> NDArray[Any]:
            with np.errstate(over="ignore"):  # float32 precisions of tiny variances are infinite
                return np.array(values, dtype, order="C")

        self._frame, self._frame_means = packed.frame, found.means
        self._fitted_type = self.covariance_type
        self.weights_ = public(found.weights)
        self.means_ = public(found.means + packed.frame.origin)
        self.covariances_ = public(found.covariances)
        self.precisions_ = public(covariance.precisions(found.factor))
        self.precisions_cholesky_ = public(covariance.to_chol(found.factor))
        self.converged_ = best.converged
        self.n_iter_ = best.n_iter
        self.lower_bounds_ = best.history
        self.lower_bound_ = best.bound
        self.init_results_ = records

    def _parameters(self, frame: Frame) -> Parameters:
        """The fitted mixture in a frame, from the public attributes: they may have been set by hand."""
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
        log_det = covariance.log_det(factor, *means.shape)
        known = getattr(self, "covariances_", None)  # not among what predict needs, if set by hand
        covariances = covariance.invert(factor) if known is None else np.asarray(known, np.float64)
        return Parameters(weights, means, covariances, factor, log_det)

    def _fitted_means(self) -> tuple[NDArray[Any], Floats]:
        """Origin and means relative to it: of the fit, or of means_ where somebody has set them since."""
        public = np.asarray(self.means_)
        if hasattr(self, "_frame"):
            origin, means = self._frame.origin, self._frame_means
            if np.array_equal((means + origin).astype(public.dtype), public):
                return origin, means
        origin = public.mean(0)
        return origin, public.astype(np.float64) - origin

    def _expectation(self, X: NDArray[Any], want_resp: bool = False) -> em.Expectation:
        """E-step of X (n, d) as validated, in the common dtype of X and the model."""
        array = X.astype(np.result_type(X, self.means_), copy=False)
        packed = pack(array, Frame(self._fitted_means()[0], 0), None, self.n_threads)
        covariance = COVARIANCES[self.covariance_type]
        return em.infer(packed, self._parameters(packed.frame), covariance, want_resp)

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Most probable component of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int64
            Number of the component; the lowest one among equals.
        """
        return self._expectation(validation.rows(self, X, reset=False)).labels

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Probability of every component for every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        resp : ndarray of shape (n_samples, n_components)
            Responsibilities; each row sums to 1, however far it is from all components.
        """
        array = validation.rows(self, X, reset=False)
        resp = self._expectation(array, want_resp=True).resp
        return resp.astype(np.result_type(array, self.means_), copy=False)

    def score_samples(self, X: ArrayLike) -> NDArray[Any]:
        """Log-likelihood of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            Log of the density, in natural units.
        """
        array = validation.rows(self, X, reset=False)
        log_norm = self._expectation(array).log_norm
        return log_norm.astype(np.result_type(array, self.means_), copy=False)

    def score(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean log-likelihood of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : object
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How often every row counts, not negative; None means 1.

        Returns
        -------
        log_likelihood : float
            Weighted mean of :meth:`score_samples`.
        """
        total, size = self._log_likelihood(X, sample_weight)
        return total / size

    def _log_likelihood(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[float, float]:
        """Weighted log-likelihood of the rows, and their total weight."""
        array = validation.rows(self, X, reset=False)
        weight = validation.weights(sample_weight, array)
        log_norm = self._expectation(array).log_norm
        if weight is None:
            return float(log_norm.sum()), float(len(log_norm))
        held = weight > 0  # a row without weight may be out of reach
        return float(weight[held] @ log_norm[held]), float(weight.sum())

    def sample(
        self, n_samples: int = 1, random_state: int | RandomState | None = None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Draw rows from the mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Seed of this call; None means that of the estimator.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Rows, grouped by component.
        y : ndarray of shape (n_samples,), int64
            Component of every row.
        """
        validation.check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one "
                "sample."
            )
        seed = self.random_state if random_state is None else random_state
        random = validation.random_state(seed)
        weights = np.asarray(self.weights_, np.float64)
        counts = random.multinomial(n_samples, weights / weights.sum())
        covariance = COVARIANCES[self.covariance_type]
        X = covariance.draw(random, self.means_, self.covariances_, counts)
        y = np.repeat(np.arange(len(counts)), counts)
        return X.astype(self.means_.dtype, copy=False), y.astype(np.int64)

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
