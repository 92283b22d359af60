"""Estimators as files: what is written, and what is believed of a file."""

import os
import warnings
from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

from sklearn.base import BaseEstimator

from fastmix import _validation as validation
from fastmix.saving import archive
from fastmix.saving.archive import Filed, Held, Source
from fastmix.saving.compounds import PARAMETER
from fastmix.saving.kinds import Arrays, Kind, Known

FORMAT = "fastmix model"
FORMAT_VERSION = 1  # one more when a release of today could misread a file
CLASSES = (  # of fastmix that a file may name
    "BayesianGaussianMixture",
    "BisectingKMeans",
    "GaussianMixture",
    "KMeans",
    "MiniBatchKMeans",
)
PICKLED_VERSION = "_fastmix_version"


class LoadError(ValueError):
    """The file holds no model that this version of fastmix can read, or it is damaged."""


class VersionWarning(UserWarning):
    """A pickle was made by another version of fastmix."""


class Saveable(BaseEstimator):
    """Base of the estimators that can be saved, and say what they consist of."""

    _saved: Mapping[str, Kind] = {}  # attributes that a file holds, lengths before what has them
    _needed: Mapping[str, Collection[str]] = {}  # by attribute; by "" those of every fitted one

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the estimator to a file, from which :func:`fastmix.load` makes it again.

        The file holds parameters and fitted attributes as JSON and arrays in NumPy's .npz format;
        loading it runs no code. It is replaced in one step: whatever happens meanwhile, the path names
        the old file or the new one, whole.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced.

        Raises
        ------
        ValueError
            If a file cannot hold all of the estimator: a callable or a RandomState as a parameter,
            callbacks, attributes that are not its own or do not fit together. Nothing is written.
        OSError
            If the file cannot be written. The old one, if any, is still there.

        Examples
        --------
        >>> import os, tempfile
        >>> import fastmix
        >>> model = fastmix.KMeans(2, init=[[0.0], [9.0]]).fit([[0.0], [1.0], [9.0]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.fastmix")
        ...     model.save(path)
        ...     again = fastmix.load(path)
        >>> again.cluster_centers_
        array([[0.5],
               [9. ]])
        """
        name = type(self).__name__
        try:
            if type(self) is not _class_named(name):
                raise ValueError(f"it is not the {name} of fastmix")
            header, arrays = _written(self)
            _read(header, Held(arrays))  # what could not be loaded is not saved
            text = archive.as_json(header)
        except ValueError as error:
            raise ValueError(
                f"{name} cannot be saved: {error}. Pickle or joblib keep an estimator as it is."
            ) from None
        archive.write(path, text, arrays)

    def __getstate__(self) -> Any:
        return {**super().__getstate__(), PICKLED_VERSION: _version()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = {name: value for name, value in state.items() if name != PICKLED_VERSION}
        version, now = state.get(PICKLED_VERSION, "before 0.1.0"), _version()
        if version != now:
            kept = _of_another_version(type(self), kept, str(version), now)
        super().__setstate__(kept)


def load(path: str | os.PathLike[str]) -> Any:
    """The estimator that was saved to a file by its method ``save``.

    Nothing in the file is run, and all of it is checked before any of it is used: a file from a
    stranger can give a wrong model, but nothing else.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    model : KMeans, MiniBatchKMeans, BisectingKMeans, GaussianMixture or BayesianGaussianMixture
        With all parameters and fitted attributes. It predicts, scores and is fitted further as the
        saved one, to the last bit. Parameters that were given as lists are arrays now.

    Raises
    ------
    fastmix.saving.LoadError
        A ValueError: if the file is damaged, not one of fastmix, or of a later release.
    OSError
        If there is no such file, or it cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import fastmix
    >>> model = fastmix.GaussianMixture(random_state=0).fit([[0.0], [1.0], [5.0]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.fastmix")
    ...     model.save(path)
    ...     again = fastmix.load(path)
    >>> again.means_
    array([[2.]])
    """
    with open(os.fsdecode(path), "rb") as file:
        try:
            with archive.opened(file) as filed:
                return _model(filed)
        except MemoryError:
            raise
        except Exception as error:  # a damaged file can make zipfile, json and NumPy raise any
            reason = f"the part {error} is missing" if isinstance(error, KeyError) else error
            raise LoadError(
                f"{os.fsdecode(path)!r} cannot be loaded: {reason}. It is damaged, or was not "
                f"written by save() of fastmix {_version()} or earlier."
            ) from error


# --- writing ---------------------------------------------------------------------------------


def _written(estimator: Any) -> tuple[dict[str, Any], Arrays]:
    """The header of a file, and its arrays."""
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
        "fastmix": _version(),
        "class": type(estimator).__name__,
        "parameters": parameters,
        "fitted": fitted,
    }
    return header, arrays


# --- reading ---------------------------------------------------------------------------------


def _model(filed: Filed) -> Any:
    header = filed.header()
    if type(header) is not dict or header.get("format") != FORMAT:
        raise ValueError("it is no model of fastmix")
    version = header.get("format_version")
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise ValueError(
            f"it is of format {version!r:.20}, written by fastmix {header.get('fastmix')!r:.40}, and "
            f"this is fastmix {_version()}, which reads formats up to {FORMAT_VERSION}"
        )
    return _read(header, filed)


def _read(header: dict[str, Any], source: Source) -> Any:
    """The estimator of a header and its arrays, once everything has been looked at."""
    cls = _class_named(header.get("class"))
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
    _check_parameters(cls, estimator.get_params(deep=False))
    known |= estimator.get_params(deep=False)
    fitted = _read_fitted(cls, header["fitted"], source, known)
    unread = source.names() - _arrays_of(header["parameters"]) - _arrays_of(header["fitted"])
    if unread:
        raise ValueError(f"it has {', '.join(sorted(unread)):.80}, which belongs to nothing")
    vars(estimator).update(fitted)
    return estimator


def _read_fitted(
    cls: Any, saved: Mapping[str, Any], source: Source, known: Known
) -> dict[str, Any]:
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


def _check_parameters(cls: Any, parameters: Mapping[str, Any]) -> None:
    for name, value in parameters.items():
        if not validation.accepts(cls, name, value):
            raise ValueError(f"the parameter {name} of {cls.__name__} cannot be {value!r:.80}")


def _class_named(name: Any) -> Any:
    if not isinstance(name, str) or name not in CLASSES:
        raise ValueError(f"it is of a class {name!r:.80}, not of {', '.join(CLASSES)}")
    return getattr(_package(), name)


# --- pickles ---------------------------------------------------------------------------------


def _of_another_version(cls: Any, state: dict[str, Any], version: str, now: str) -> dict[str, Any]:
    """State from a pickle that another version has made, with the parameters that it did not know.

    Raises
    ------
    LoadError
        If it is not what an estimator of this version consists of.
    """
    missing = set(cls._get_param_names()) - state.keys()
    defaults = vars(cls()) if missing else {}
    kept = {**{name: value for name, value in defaults.items() if name in missing}, **state}
    arrays: Arrays = {}
    try:
        parameters = {name: kept[name] for name in cls._get_param_names()}
        _check_parameters(cls, parameters)
        fitted = {
            name: kind.write(kept[name], name, arrays)
            for name, kind in cls._saved.items()
            if name in kept
        }
        _read_fitted(cls, fitted, Held(arrays), dict(parameters))
    except ValueError as error:
        raise LoadError(
            f"A pickle of {cls.__name__} made by fastmix {version} is not understood by fastmix {now}: "
            f"{error}. Load it there and save() it, or fit again."
        ) from None
    warnings.warn(
        f"A pickle of {cls.__name__} made by fastmix {version} is loaded by fastmix {now}, which may "
        "read it otherwise. Files written by save() are made to be read by later versions.",
        VersionWarning,
        stacklevel=3,
    )
    return kept


def _package() -> Any:
    return import_module("fastmix")  # which imports this module


def _version() -> str:
    return str(_package().__version__)
