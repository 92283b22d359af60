"""From fastmix's fitted estimators to scikit-learn's, and back."""

from copy import deepcopy
from importlib import import_module
from typing import Any, Self

from sklearn.base import BaseEstimator

from fastmix import _validation as validation


class Convertible(BaseEstimator):
    """Base of the estimators that have a counterpart in scikit-learn, and name it."""

    _counterpart: str  # module and class, imported by a conversion only
    # fitted attributes that the counterpart has not
    _only_here = frozenset({"fit_report_", "init_results_"})

    @classmethod
    def _counterpart_class(cls) -> Any:
        module, _, name = cls._counterpart.rpartition(".")
        return getattr(import_module(module), name)

    def _different_there(self) -> dict[str, Any]:
        """Attributes that the counterpart has otherwise: private ones that its methods read, say."""
        return {}

    def _complete(self) -> None:
        """Set what the counterpart has no fitted attribute for."""

    def _take_private(self, model: Any) -> None:
        """Set what the counterpart keeps in private attributes."""

    def to_sklearn(self) -> Any:
        """The fitted estimator of scikit-learn of the same name.

        Returns
        -------
        model : sklearn estimator
            With copies of the parameters and fitted attributes that both libraries have; it predicts
            and scores as this one does, and ``partial_fit`` and a warm start go on from here. A value
            that scikit-learn does not know (of ``algorithm``, say) is left at its default.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If this estimator is not fitted.
        """
        validation.check_is_fitted(self)
        model = _with_parameters(self._counterpart_class(), self)
        _copy_fitted(self, model, self._only_here)
        for name, value in self._different_there().items():
            setattr(model, name, value)
        return model

    @classmethod
    def from_sklearn(cls, model: Any) -> Self:
        """The fitted estimator of fastmix from scikit-learn's of the same name.

        Parameters
        ----------
        model : sklearn estimator
            Fitted; it is not changed.

        Returns
        -------
        estimator : object
            With copies of its parameters and fitted attributes; it predicts and scores as the model
            does, and ``partial_fit`` and a warm start go on from there. What scikit-learn does not
            record, such as ``init_results_``, is empty.

        Raises
        ------
        TypeError
            If the model is of another class.
        sklearn.exceptions.NotFittedError
            If the model is not fitted.
        """
        if not isinstance(model, cls._counterpart_class()):
            raise TypeError(
                f"{cls.__name__}.from_sklearn takes a fitted {cls._counterpart}, but got "
                f"{model!r}. Convert it with the class of fastmix that has its name."
            )
        validation.check_is_fitted(model)
        estimator = _with_parameters(cls, model)
        _copy_fitted(model, estimator, frozenset())
        estimator._complete()
        estimator._take_private(model)
        return estimator


def _with_parameters(cls: Any, source: Any) -> Any:
    """A new estimator with those parameters of the source that its class knows."""
    known = cls._get_param_names()
    return cls(
        **{
            name: deepcopy(value)
            for name, value in source.get_params(deep=False).items()
            if name in known and validation.accepts(cls, name, value)
        }
    )


def _copy_fitted(source: Any, target: Any, without: frozenset[str]) -> None:
    """Copy the public fitted attributes."""
    for name, value in vars(source).items():
        if name.endswith("_") and not name.startswith("_") and name not in without:
            setattr(target, name, deepcopy(value))
