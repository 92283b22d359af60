"""Pickles that another version of fastmix has made."""

import warnings
from typing import Any

from fastmix.saving.archive import Held
from fastmix.saving.headers import LoadError, check_parameters, read_fitted
from fastmix.saving.kinds import Arrays

VERSION = "_fastmix_version"  # the name under which a pickle has it


class VersionWarning(UserWarning):
    """A pickle was made by another version of fastmix."""


def of_another_version(cls: Any, state: dict[str, Any], version: str, now: str) -> dict[str, Any]:
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
        check_parameters(cls, parameters)
        fitted = {
            name: kind.write(kept[name], name, arrays)
            for name, kind in cls._saved.items()
            if name in kept
        }
        read_fitted(cls, fitted, Held(arrays), dict(parameters))
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
