"""What all mixtures share: fitting, prediction and drawing."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import DensityMixin
from sklearn.exceptions import ConvergenceWarning

from fastmix import _validation as validation
from fastmix._conversion import Convertible
from fastmix._documentation import Documented
from fastmix._readers import is_dask
from fastmix.engine import em, passes
from fastmix.engine.collapse import ON_COLLAPSE
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.mahalanobis import mahalanobis
from fastmix.engine.report import FitReport, Log
from fastmix.engine.results import (
    Array,
    Floats,
    Frame,
    MixtureInit,
    MixtureResult,
    Parameters,
    Rows,
    read_how,
)
from fastmix.engine.rows import frame_of, held, measure, pack
from fastmix.engine.runs import best_of
from fastmix.engine.squarem import Stepper, plainly
from fastmix.engine.starts import IN_PASSES, STARTS, start
from fastmix.engine.watch import Interrupted
from fastmix.saving import compounds, kinds
from fastmix.saving.models import Saveable
from fastmix.sources import RowsLike, by_blocks, by_sums


def covariance_shape(known: kinds.Known) -> tuple[int, ...]:
    """Shape of the covariances of what has been read."""
    name: str = known.get("_fitted_type") or known["covariance_type"]
    return COVARIANCES[name].shape(known["k"], known["d"])


class Data(NamedTuple):
    """What a mixture is fitted to."""

    X: NDArray[Any]  # (n, d) as validated
    weight: Floats | None  # (n,)
    held: NDArray[Any]  # (n, d) with another row in place of every row of weight 0
    n_held: int  # rows that have a weight
    packed: Rows


class Mixture(Documented, DensityMixin, Convertible, Saveable, ABC):
    """Base of the mixtures. A subclass gives the model that is fitted and keeps what is its own."""

    _parameter_constraints: dict[str, list[Any]] = {
        "n_components": [validation.Interval(Integral, 1, None, closed="left")],
        "covariance_type": [validation.StrOptions(set(COVARIANCES))],
        "tol": [validation.Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [validation.Interval(Real, 0.0, None, closed="left")],
        "max_iter": [validation.Interval(Integral, 0, None, closed="left")],
        "n_init": [validation.Interval(Integral, 1, None, closed="left")],
        "init_params": [validation.StrOptions(set(STARTS)), callable, "array-like"],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [validation.Interval(Integral, 1, None, closed="left")],
        "on_collapse": [validation.StrOptions(set(ON_COLLAPSE))],
        "relative_reg_covar": ["boolean"],
        "n_threads": validation.N_THREADS,
    }
    _saved = {
        "means_": kinds.Numbers("k", "d"),
        "n_features_in_": kinds.Whole(1, symbol="d"),
        "feature_names_in_": compounds.NAMES,
        "weights_": kinds.Numbers("k", least=0),
        "_fitted_type": kinds.Text(COVARIANCES),
        "covariances_": kinds.Numbers(shape=covariance_shape),
        "precisions_": kinds.Numbers(shape=covariance_shape, finite=False),
        "precisions_cholesky_": kinds.Numbers(shape=covariance_shape),
        "_frame": compounds.FRAME,
        "_frame_means": kinds.Numbers("k", "d", dtypes=(np.float64,)),
        "converged_": kinds.Truth(),
        "n_iter_": kinds.Whole(),
        "lower_bound_": kinds.Real(),
        "lower_bounds_": compounds.Series(kinds.Real()),
        "init_results_": compounds.records(MixtureInit),
        "fit_report_": compounds.record(FitReport),
    }
    _needed = {
        "": ("means_", "weights_", "precisions_cholesky_"),
        "_frame": ("_frame_means",),
        "_frame_means": ("_frame",),
        "converged_": ("lower_bound_",),
    }

    @abstractmethod
    def _model(self, packed: Rows) -> em.Model:
        """What is fitted to these rows, from the parameters of the estimator."""

    def _reg_covar(self, variances: Callable[[], Floats]) -> float:
        """What is added to every variance, in squared units of X; variances (d,) are those of the features."""
        if not self.relative_reg_covar:
            return float(self.reg_covar)
        return float(self.reg_covar * variances().mean())

    @abstractmethod
    def _parameters(self, frame: Frame) -> Parameters:
        """The fitted mixture in a frame, from the public attributes: they may have been set by hand."""

    def _stepper(self, model: Any) -> Stepper:
        """What one run of EM tries next."""
        return plainly

    @validation.checked_fit
    def fit(self, X: RowsLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find weights, means and covariances.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), a source, or a collection of Dask
            At least two rows; float32 stays float32, everything else becomes float64. Rows that do not fit
            into memory are read chunk by chunk from what a :class:`fastmix.sources.Source` can be made of:
            large arrays on disk, paths, iterables of arrays. Those of a Dask array or frame stay where they
            are; so may weights, as a Dask array.
        y : object
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How often every row counts, not negative; None means 1. Whole numbers give what
            repeated rows give. The unit of the weights does not matter to a GaussianMixture; to a
            BayesianGaussianMixture it does, as more rows are more evidence.

        Returns
        -------
        self : object
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
        self, X: RowsLike, y: object = None, sample_weight: ArrayLike | None = None
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
        array = self._fit(X, sample_weight)
        if read_how(array):
            return self.predict(X)
        return self._infer(array, labels=True).labels

    def _fit(self, X: RowsLike, sample_weight: ArrayLike | None) -> NDArray[Any]:
        """Fit, and give X as validated."""
        log = Log()
        with validation.all_or_nothing(self):
            data = self._data(X, sample_weight, log)
            self._tell(self._fit_data(data, log))
        if self.verbose > 1:
            print(self.fit_report_)
        return data.X

    def _data(
        self, X: RowsLike, sample_weight: ArrayLike | None, log: Log, chunks: bool = True
    ) -> Data:
        """What is to be fitted, checked and ready to be packed."""
        everything = validation.rows(self, X, reset=True, min_samples=2, chunks=chunks)
        weight = validation.weights(sample_weight, everything)
        used, n_held = held(everything, weight, self.n_threads)
        log.lap("checks")
        frame = frame_of(used, measure(used, self.n_threads), normalise=False)
        packed = pack(used, frame, weight, self.n_threads)
        log.lap("rows")
        return Data(everything, weight, used, n_held, packed)

    def _fit_data(self, data: Data, log: Log) -> MixtureResult:
        """Fit, and give the run that is kept."""
        self._check_enough(data.n_held, len(data.X))
        going_on = self.warm_start and hasattr(self, "converged_")
        if going_on:
            self._check_same_shape(data.X, "warm_start=True", "Set warm_start=False")
        given = None if going_on else self._given_shares(data.X)
        if how := read_how(data.packed):
            self._check_passes(given, how)
        n_runs = 1 if going_on else self._runs(given is not None)
        model = self._model(data.packed)
        random = validation.random_state(self.random_state)
        stopped: Interrupted | None = None
        try:
            best, records = best_of(
                n_runs,
                lambda: self._run(data.held, data.packed, given, model, random, going_on, log),
                self.verbose,
            )
        except Interrupted as error:
            stopped, (best, records) = error, error.found
        self._keep(data.packed.frame, data.packed.dtype, best, records)
        log.kept(best.passes, best.reason, [])
        log.told(getattr(data.packed, "traffic", []))
        self.fit_report_ = log.report(self.n_threads)
        if stopped:
            raise stopped
        return best

    def _check_enough(self, n_held: int, n: int) -> None:
        """ValueError where fewer of n rows have a weight than there are components."""
        if n_held < self.n_components:
            of_weight = "" if n_held == n else " of positive sample_weight"
            raise ValueError(
                "Expected n_samples >= n_components but got n_components = "
                f"{self.n_components}, n_samples = {n_held}{of_weight}"
            )

    def _check_same_shape(self, X: NDArray[Any], what: str, way_out: str) -> None:
        """What goes on needs the number of components and features of the last fit."""
        was = self.means_.shape
        for name, old, new in (
            ("n_components", was[0], self.n_components),
            ("the number of features of X", was[1], X.shape[1]),
        ):
            if old != new:
                raise ValueError(
                    f"{what} goes on from the last fit, but {name} has changed from {old} to {new}. "
                    f"{way_out} or fit a new estimator."
                )

    def _check_passes(self, given: Array | None, read: str) -> None:
        """ValueError where something is asked for that needs all rows in memory; they are read like that."""
        how, what = self.init_params, None
        if given is not None:
            what = "responsibilities" if given.ndim > 1 else None
        elif callable(how):
            what = "a callable"
        elif how not in IN_PASSES:
            what = repr(how)
        if what is not None:
            raise ValueError(
                f"init_params={what} needs all rows in memory, but X is read {read}. Take one of "
                f"{', '.join(map(repr, IN_PASSES))}, labels, or weights_init, means_init and precisions_init."
            )
        if self.on_collapse == "reseed":
            raise ValueError(
                f"on_collapse='reseed' draws from all rows in memory, but X is read {read}. Take "
                "'raise' or 'regularize'."
            )

    def _given_shares(self, X: Any) -> Any:
        """Labels or responsibilities of the caller, if that is what init_params is."""
        if isinstance(self.init_params, str) or callable(self.init_params):
            return None
        if is_dask(self.init_params) and hasattr(X, "weights"):
            return self.init_params  # labels, which are looked at where they are
        return validation.shares(self.init_params, len(X), self.n_components)

    def _runs(self, given: bool) -> int:
        """Number of starts."""
        if given and self.n_init != 1:
            validation.warn(
                "Explicit labels or responsibilities passed as init_params: performing only one init "
                f"in {type(self).__name__} instead of n_init={self.n_init}.",
                RuntimeWarning,
            )
            return 1
        return int(self.n_init)

    def _run(
        self,
        X: NDArray[Any],
        packed: Rows,
        given: Array | None,
        model: em.Model,
        random: RandomState,
        going_on: bool,
        log: Log,
    ) -> MixtureResult:
        """One start and its EM steps."""
        stepper = self._stepper(model)
        model = ON_COLLAPSE[self.on_collapse](model, packed, random)
        if going_on:
            first, bound = self._parameters(packed.frame), self.lower_bound_
        else:
            first, bound = self._start(X, packed, given, model, random), -np.inf
        log.lap("starts")
        try:
            return em.run(
                packed,
                first,
                model,
                tol=self.tol,
                max_iter=self.max_iter,
                bound=bound,
                stepper=stepper,
                verbose=self.verbose,
                verbose_interval=self.verbose_interval,
            )
        finally:
            log.lap("passes")

    def _start(
        self,
        X: NDArray[Any],
        packed: Rows,
        given: Array | None,
        model: em.Model,
        random: RandomState,
    ) -> Parameters:
        """The mixture that a run starts from."""
        how = self.init_params if given is None else given
        if callable(how) and not model.complete:
            answer = how(X, n_components=self.n_components, random_state=random)
            how = validation.shares(answer, len(X), self.n_components)
        return start(packed, self.n_components, how, model, random)

    def _tell(self, best: MixtureResult) -> None:
        """Warn of what the user should know of the run that is kept."""
        for event in best.events:
            validation.warn(event, RuntimeWarning)
        if not best.converged and self.max_iter > 0:
            validation.warn(
                "Best performing initialization did not converge. Try different init parameters, or "
                "increase max_iter, tol, or check for degenerate data.",
                ConvergenceWarning,
            )

    def _keep(
        self, frame: Frame, dtype: DTypeLike, best: MixtureResult, records: list[MixtureInit]
    ) -> None:
        """Set the fitted attributes."""
        self._keep_mixture(best.parameters, frame, dtype)
        self.converged_ = best.converged
        self.n_iter_ = best.n_iter
        self.lower_bounds_ = best.history
        self.lower_bound_ = best.bound
        self.init_results_ = records
        self._keep_posterior(best.parameters, dtype)

    def _keep_mixture(self, found: Parameters, frame: Frame, dtype: DTypeLike) -> None:
        """Set the attributes that make up the mixture, in the coordinates of X and in the frame."""
        self._frame, self._frame_means = frame, found.means
        self._publish(found, frame.origin, dtype)

    def _keep_posterior(self, found: Parameters, dtype: DTypeLike) -> None:
        """Set the fitted attributes that only a Bayesian mixture has."""

    def _fitted_components(self, frame: Frame) -> tuple[Floats, Floats, Floats]:
        """Means in a frame, covariances and whitening, from the public attributes."""
        self._check_fitted_type()
        covariance = COVARIANCES[self.covariance_type]
        origin, means = self._fitted_means()
        chol = np.asarray(self.precisions_cholesky_, np.float64)
        factor = covariance.from_chol(chol)
        means = means + (origin.astype(np.float64) - frame.origin)
        known = getattr(self, "covariances_", None)  # not among what predict needs, if set by hand
        covariances = covariance.invert(factor) if known is None else np.asarray(known, np.float64)
        return means, covariances, factor

    def _check_fitted_type(self) -> None:
        """ValueError where covariance_type was changed after the fit."""
        needed = COVARIANCES[self.covariance_type].shape(*np.shape(self.means_))
        shape = np.shape(self.precisions_cholesky_)
        fitted_type = getattr(self, "_fitted_type", self.covariance_type)
        if shape != needed or fitted_type != self.covariance_type:
            raise ValueError(
                f"covariance_type={self.covariance_type!r} needs precisions_cholesky_ of shape "
                f"{needed}, but the fitted one is of shape {shape} and covariance_type "
                f"{fitted_type!r}. Set it back, or fit a new estimator."
            )

    def _publish(self, found: Parameters, origin: NDArray[Any], dtype: DTypeLike) -> None:
        """Set the attributes that make up the mixture, from means relative to the origin."""
        covariance = COVARIANCES[self.covariance_type]

        def public(values: Floats) -> NDArray[Any]:
            return np.array(values, dtype, order="C")

        self._fitted_type = self.covariance_type
        self.weights_ = public(found.weights)
        self.means_ = public(found.means + origin)
        self.covariances_ = public(found.covariances)
        with np.errstate(over="ignore"):  # those of tiny variances are infinite
            self.precisions_ = public(covariance.precisions(found.factor))
        self.precisions_cholesky_ = public(covariance.to_chol(found.factor))

    def _different_there(self) -> dict[str, Any]:
        """A type that scikit-learn has not, as the one of the same densities."""
        if hasattr(self, "precisions_cholesky_"):
            self._check_fitted_type()
        untied = COVARIANCES[self.covariance_type].untied
        if untied is None:
            return {}
        validation.warn(
            f"scikit-learn has no covariance_type={self.covariance_type!r}: the mixture becomes "
            f"{untied!r}, with the shared variances repeated. Its densities are the same, but its "
            "bic and aic count the parameters of that type, and fitting it again frees them.",
            UserWarning,
        )
        shared = ("precisions_init", "covariances_", "precisions_", "precisions_cholesky_")
        values = {name: getattr(self, name, None) for name in (*shared, "degrees_of_freedom_")}
        return {"covariance_type": untied} | {
            name: np.repeat(np.asarray(value)[None], len(self.means_), axis=0)
            for name, value in values.items()
            if value is not None
        }

    def _complete(self) -> None:
        self._fitted_type = self.covariance_type
        self.init_results_ = []
        # scikit-learn's Bayesian bounds are arrays of one number where the covariance is tied
        self.lower_bounds_ = [float(np.sum(each)) for each in getattr(self, "lower_bounds_", ())]
        self.lower_bound_ = float(np.sum(self.lower_bound_))

    def _fitted_means(self) -> tuple[NDArray[Any], Floats]:
        """Origin and means relative to it: of the fit, or of means_ where somebody has set them since."""
        public = np.asarray(self.means_)
        if hasattr(self, "_frame"):
            origin, means = self._frame.origin, self._frame_means
            if np.array_equal((means + origin).astype(public.dtype), public):
                return origin, means
        origin = public.mean(0)
        return origin, public.astype(np.float64) - origin

    def _infer(self, X: NDArray[Any], **wanted: bool) -> passes.Expectation:
        """What is wanted of the E-step of X (n, d) as validated, in the common dtype of X and the model."""
        array = X.astype(np.result_type(X, self.means_), copy=False)
        frame = Frame(self._fitted_means()[0], 0)
        covariance = COVARIANCES[self.covariance_type]
        parameters = self._parameters(frame)
        return passes.infer(array, frame, parameters, covariance, self.n_threads, **wanted)

    @by_blocks
    def predict(self, X: RowsLike) -> NDArray[np.int64]:
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
        return self._infer(validation.rows(self, X, reset=False), labels=True).labels

    @by_blocks
    def predict_proba(self, X: RowsLike) -> NDArray[Any]:
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
        resp = self._infer(array, resp=True).resp
        return resp.astype(np.result_type(array, self.means_), copy=False)

    @by_blocks
    def uncertainty(self, X: RowsLike) -> NDArray[Any]:
        """Probability that a row is not of the component that :meth:`predict` names.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        uncertainty : ndarray of shape (n_samples,)
            1 - max of :meth:`predict_proba`, between 0 and 1 - 1 / n_components. It is the sum of
            the other components' probabilities, so tiny values are not lost in the difference.
        """
        return self._doubt(validation.rows(self, X, reset=False))

    def _doubt(self, X: NDArray[Any]) -> NDArray[Any]:
        """The uncertainty of X (n, d) as validated."""
        found = self._infer(X, labels=True, resp=True)
        np.put_along_axis(found.resp, found.labels[:, None], 0.0, axis=1)
        return found.resp.sum(1).astype(np.result_type(X, self.means_), copy=False)

    @by_blocks
    def mahalanobis(self, X: RowsLike) -> NDArray[Any]:
        """Distance of every row to every component, in the component's standard deviations.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_components)
            sqrt((x - mean)' precision (x - mean)): not squared, without unit (Mahalanobis 1936, On
            the generalized distance in statistics).
        """
        array = validation.rows(self, X, reset=False)
        origin, _ = self._fitted_means()
        fitted = self._parameters(Frame(origin, 0))
        covariance = COVARIANCES[self.covariance_type]
        distances = mahalanobis(array, origin, fitted.means, fitted.factor, covariance)
        return distances.astype(np.result_type(array, self.means_), copy=False)

    @by_blocks
    def score_samples(self, X: RowsLike) -> NDArray[Any]:
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
        log_norm = self._infer(array, log_norm=True).log_norm
        return log_norm.astype(np.result_type(array, self.means_), copy=False)

    def score(self, X: RowsLike, y: object = None, sample_weight: ArrayLike | None = None) -> float:
        """Mean log-likelihood of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or a source
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

    @by_sums
    def _log_likelihood(self, X: RowsLike, sample_weight: ArrayLike | None) -> tuple[float, float]:
        """Weighted log-likelihood of the rows, and their total weight."""
        array = validation.rows(self, X, reset=False, chunks=True)
        weight = validation.weights(sample_weight, array)
        sums = [self._summed(*each) for each in validation.blocks(array, weight)]
        total, size = (sum(each) for each in zip(*sums, strict=True))
        return total, size

    def _summed(self, X: NDArray[Any], weight: Floats | None) -> tuple[float, float]:
        """The same of X (n, d) and weights as validated."""
        log_norm = self._infer(X, log_norm=True).log_norm
        with np.errstate(over="ignore"):
            if weight is None:
                return float(log_norm.sum()), float(len(log_norm))
            size = float(weight.sum())
        if not np.isfinite(size):
            raise ValueError(
                "Input sample_weight is too large: its sum overflows float64. Rescale the weights."
            )
        held = weight > 0  # a row without weight may be out of reach
        return float(weight[held] @ log_norm[held]), size

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
