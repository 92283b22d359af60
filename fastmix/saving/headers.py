"""The header of a file, in JSON: made from an estimator, and looked at before an estimator is made of it."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from fastmix import _validation as validation
from fastmix.saving.archive import Filed, Source
from fastmix.saving.compounds import PARAMETER
from fastmix.saving.kinds import Arrays, Known
from fastmix.saving.standardized import SCALER, pipeline

FORMAT = "fastmix model"
FORMAT_VERSION = 1  # one more when a release of today could misread a file
CLASSES = (  # of fastmix: a file names one
    "BayesianGaussianMixture",
    "BisectingKMeans",
    "GaussianMixture",
    "KMeans",
    "MiniBatchGaussianMixture",
    "MiniBatchKMeans",
)


class LoadError(ValueError):
    """The file holds no model that this version of fastmix can read, or it is damaged."""


# --- writing ---------------------------------------------------------------------------------


def written(estimator: Any, scaler: Any = None) -> tuple[dict[str, Any], Arrays]:
    """The header of a file, and its arrays; of a pipeline, if the estimator stands behind a scaler."""
    arrays: Arrays = {}
    given = estimator.get_params(deep=False)
    strange = vars(estimator).keys() - given.keys() - estimator._saved.keys()
    if strange:
        callbacks = ": take them off by set_callbacks()" if "_skl_callbacks" in strange else ""
        raise ValueError(f"it has {', '.join(sorted(strange))}, which no file can hold{callbacks}")
    parameters = {}
    for name, value in given.items():
        try:
            parameters[name] = PARAMETER.write(value, f"parameters.{name}", arrays)
        except ValueError:
            raise ValueError(
                f"the parameter {name} is {value!r}, but files hold None, numbers, text and arrays: "
                f"set_params({name}=...) replaces it"
            ) from None
    fitted = {
        name: kind.write(vars(estimator)[name], name, arrays)
        for name, kind in estimator._saved.items()
        if name in vars(estimator)
    }
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "fastmix": version_now(),
        "class": type(estimator).__name__,
        "parameters": parameters,
        "fitted": fitted,
    }
    if scaler is not None:
        header["scaler"] = SCALER.write(scaler, "scaler", arrays)
    return header, arrays


# --- reading ---------------------------------------------------------------------------------


def model(filed: Filed) -> Any:
    """The estimator of a file; ValueError and others where it is none that can be read."""
    header = filed.header()
    if type(header) is not dict or header.get("format") != FORMAT:
        raise ValueError("it is no model of fastmix")
    version = header.get("format_version")
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise ValueError(
            f"it is of format {version!r:.20}, written by fastmix {header.get('fastmix')!r:.40}, and "
            f"this is fastmix {version_now()}, which reads formats up to {FORMAT_VERSION}"
        )
    return read(header, filed)


def read(header: dict[str, Any], source: Source) -> Any:
    """The estimator, or the pipeline, of a header and its arrays, once everything has been looked at."""
    cls = class_named(header.get("class"))
    for part in ("parameters", "fitted"):
        if type(header.get(part)) is not dict:
            raise ValueError(f"it has no {part}")
    unknown = header["parameters"].keys() - set(cls._get_param_names())
    unknown |= header["fitted"].keys() - cls._saved.keys()
    if unknown:
        raise ValueError(f"{cls.__name__} has no {', '.join(sorted(unknown)):.80}")
    known: Known = {}
    parameters = {
        name: PARAMETER.read(saved, f"parameters.{name}", source, known)
        for name, saved in header["parameters"].items()
    }
    estimator = cls(**parameters)
    check_parameters(cls, estimator.get_params(deep=False))
    known |= estimator.get_params(deep=False)
    fitted = read_fitted(cls, header["fitted"], source, known)
    standardized = "scaler" in header  # the rows, before the estimator sees them
    scaler = SCALER.read(header["scaler"], "scaler", source, known) if standardized else None
    parts = ("parameters", "fitted", "scaler")
    unread = source.names().difference(*(_arrays_of(header.get(part)) for part in parts))
    if unread:
        raise ValueError(f"it has {', '.join(sorted(unread)):.80}, which belongs to nothing")
    vars(estimator).update(fitted)
    return pipeline(scaler, estimator) if standardized else estimator


def read_fitted(cls: Any, saved: Mapping[str, Any], source: Source, known: Known) -> dict[str, Any]:
    """Fitted attributes that fit together."""
    for name in ("", *saved) if any(name.endswith("_") for name in saved) else saved:
        missing = set(cls._needed.get(name, ())) - saved.keys()
        if missing:
            raise ValueError(f"{', '.join(sorted(missing))} is missing")
    fitted = {}
    for name, kind in cls._saved.items():
        if name in saved:
            fitted[name] = known[name] = kind.read(saved[name], name, source, known)
    return {name: fitted[name] for name in saved}


def _arrays_of(saved: Any) -> set[str]:
    """Names of the arrays that a piece of the header mentions."""
    if isinstance(saved, list):
        return set().union(*map(_arrays_of, saved))
    if not isinstance(saved, dict):
        return set()
    if saved.keys() == {"array"}:
        return {saved["array"]}
    return set().union(*map(_arrays_of, saved.values()))


def check_parameters(cls: Any, parameters: Mapping[str, Any]) -> None:
    """ValueError where a parameter is of a kind that the class does not take."""
    for name, value in parameters.items():
        if not validation.accepts(cls, name, value):
            raise ValueError(f"the parameter {name} of {cls.__name__} cannot be {value!r:.80}")


def class_named(name: Any) -> Any:
    """The estimator of fastmix; ValueError for all other names."""
    if not isinstance(name, str) or name not in CLASSES:
        raise ValueError(f"it is of a class {name!r:.80}, not of {', '.join(CLASSES)}")
    return getattr(_package(), name)


def _package() -> Any:
    return import_module("fastmix")  # which imports this module


def version_now() -> str:
    """The version of fastmix that runs."""
    return str(_package().__version__)
