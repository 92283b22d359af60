"""What mixtures of maximum likelihood share: laid down, judged by their likelihood, cut to some features."""

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmix import _validation as validation
from fastmix.engine.conditioning import condition
from fastmix.engine.covariances import COVARIANCES, from_covariances
from fastmix.engine.likelihood import Given, Likelihood, aic, bic, log_const
from fastmix.engine.results import Floats, Frame, Parameters, Rows
from fastmix.engine.shares import mean_and_variances
from fastmix.mixture._base import Mixture
from fastmix.sources import RowsLike, by_sums

WEIGHT_SUM_TOLERANCE = {np.dtype(np.float64): 1e-8, np.dtype(np.float32): 1e-6}


class LikelihoodMixture(Mixture):
    """Base of the mixtures that maximise the likelihood of rows."""

    _counterpart = "sklearn.mixture.GaussianMixture"
    _parameter_constraints = {
        **Mixture._parameter_constraints,
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", Real, None],
    }
    weights_init: ArrayLike | None
    means_init: ArrayLike | None
    precisions_init: ArrayLike | None

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
        model : object
            Of this class, in float32 where all three are, otherwise in float64. All other parameters
            have their defaults. ``converged_`` is True, as nothing is left to be done; ``n_iter_`` is 0
            and ``lower_bound_`` -inf, as no row has been seen.

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

    def _model(self, packed: Rows) -> Likelihood:
        given = self._given(packed.d, packed.frame)
        reg_covar = self._reg_covar(lambda: mean_and_variances(packed)[1])
        return Likelihood(COVARIANCES[self.covariance_type], reg_covar, given)

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

    def bic(self, X: RowsLike, sample_weight: ArrayLike | None = None) -> float:
        """Bayesian information criterion; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or a source
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
        return bic(total, self._n_parameters(), size)

    def aic(self, X: RowsLike, sample_weight: ArrayLike | None = None) -> float:
        """Akaike information criterion; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or a source
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
        return aic(total, self._n_parameters())

    def icl(self, X: RowsLike, sample_weight: ArrayLike | None = None) -> float:
        """Integrated completed likelihood criterion; the lower the better.

        Beside the fit it rewards components that do not overlap, so it counts clusters where
        :meth:`bic` counts components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or a source
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
        return self.bic(X, sample_weight) + self._overlaps(X, sample_weight)

    @by_sums
    def _overlaps(self, X: RowsLike, sample_weight: ArrayLike | None) -> float:
        """The same as of blocks, for all rows."""
        array = validation.rows(self, X, reset=False, chunks=True)
        weight = validation.weights(sample_weight, array)
        return sum(self._overlap(*each) for each in validation.blocks(array, weight))

    def _overlap(self, X: NDArray[Any], weight: Floats | None) -> float:
        """What :meth:`icl` adds to :meth:`bic`, for X (n, d) and weights as validated."""
        doubt = np.log1p(-self._doubt(X).astype(np.float64))
        return -2 * float(doubt.sum() if weight is None else weight @ doubt)

    def marginal(self, dims: ArrayLike) -> Self:
        """The mixture of some features, whatever the others are.

        Parameters
        ----------
        dims : array-like of int or str
            Numbers of the features, or their names where the fit saw names; in any order, none twice.

        Returns
        -------
        model : object
            Of this class and covariance_type, as from :meth:`from_parameters`, with random_state and
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

    def condition(self, dims: ArrayLike, values: ArrayLike | None = None) -> Self:
        """The mixture of the other features where these features have the given values.

        Parameters
        ----------
        dims : array-like of int or str
            Numbers of the known features, or their names where the fit saw names; not all of them.
        values : array-like of shape (len(dims),)
            Their values.

        Returns
        -------
        model : object
            Of the remaining features in their order, of this class and covariance_type, as from
            :meth:`from_parameters`, with random_state and n_threads of this one. Weights follow from
            Bayes' rule, means and covariances from regression of every component (Bishop 2006,
            Pattern Recognition and Machine Learning, equations 2.81 and 2.82).

        Raises
        ------
        ValueError
            If dims or values are not as described, or the values are too far from every component.
        TypeError
            If there are no values.

        Examples
        --------
        >>> from fastmix import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.0, 5.0]], [[[2.0, 1.0], [1.0, 3.0]]])
        >>> given = model.condition([0], [4.0])
        >>> given.means_, given.covariances_
        (array([[7.]]), array([[[2.5]]]))
        """
        validation.check_is_fitted(self)
        if values is None:
            raise TypeError(
                f"{type(self).__name__}.condition() needs values, one for each of dims: condition([0], [13.0]), "
                f"but got only dims, {dims!r}."
            )
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
