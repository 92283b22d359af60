"""A model behind a standardisation: scikit-learn's pipeline of the two, as part of a file."""

from typing import Any

from fastmix.saving.compounds import NAMES, Made, either, optional
from fastmix.saving.kinds import Numbers, Real, Whole

PLAIN = "files hold an estimator of fastmix, or a Pipeline of a StandardScaler and one"


def parts(model: Any) -> tuple[Any, Any]:
    """The fitted scaler of a pipeline, and the estimator behind it; ValueError for other pipelines."""
    from sklearn.preprocessing import StandardScaler

    steps = [step for _, step in model.steps]
    if len(steps) != 2 or type(steps[0]) is not StandardScaler:
        kinds = ", ".join(type(step).__name__ for step in steps)
        raise ValueError(f"it is made of {kinds}, but {PLAIN}")
    if getattr(steps[0], "mean_", None) is None or steps[0].scale_ is None:
        raise ValueError("its StandardScaler is not fitted, or leaves means or scales as they are")
    return steps[0], steps[1]


def pipeline(scaler: Any, estimator: Any) -> Any:
    """The two as one model, which takes rows as they were before."""
    from sklearn.pipeline import make_pipeline

    return make_pipeline(scaler, estimator)


def _take_apart(scaler: Any) -> dict[str, Any]:
    return {
        "mean": scaler.mean_,
        "scale": scaler.scale_,
        "var": scaler.var_,
        "n_samples_seen": scaler.n_samples_seen_,
        "names": getattr(scaler, "feature_names_in_", None),
    }


def _make(mean: Any, scale: Any, var: Any, n_samples_seen: Any, names: Any) -> Any:
    from sklearn.preprocessing import StandardScaler

    if not (scale > 0).all():
        raise ValueError("a scale is not above 0")
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_, scaler.var_ = mean, scale, var
    scaler.n_features_in_, scaler.n_samples_seen_ = len(mean), n_samples_seen
    if names is not None:
        scaler.feature_names_in_ = names
    return scaler


SCALER = Made(
    {
        "mean": Numbers("d"),
        "scale": Numbers("d"),
        "var": Numbers("d", least=0),
        "n_samples_seen": either(Whole(), Real(0.0)),  # a weight, where rows had weights
        "names": optional(NAMES),
    },
    _take_apart,
    _make,
)
