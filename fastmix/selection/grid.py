"""What comes into question, and by what is chosen: everything wrong with it is refused here."""

import operator
from collections.abc import Collection, Iterable
from typing import Any

from numpy.random import RandomState

from fastmix import _validation as validation

MOST_SEED = 2**31 - 1


def numbers(name: str, values: int | Iterable[int], least: int, why: str = "") -> list[int]:
    """Numbers of clusters that are to be tried, each once; a single one may come without a list."""
    try:
        given = list(values) if isinstance(values, Iterable) else [values]
        found = list(dict.fromkeys(operator.index(value) for value in given))
    except TypeError:
        found = []
    if not found or min(found) < least:
        raise ValueError(
            f"The parameter '{name}' should be whole numbers from {least} on, at least one, but got "
            f"{values!r}{why}. For example {name}=range({least}, 11)."
        )
    return found


def names(name: str, values: str | Iterable[str], allowed: Collection[str]) -> list[str]:
    """Those of the allowed names that are to be tried, each once; 'all' is all of them."""
    if isinstance(values, str):
        given = list(allowed) if values == "all" else [values]
    else:
        given = list(values) if isinstance(values, Iterable) else []
    if not given or not all(isinstance(each, str) and each in allowed for each in given):
        raise ValueError(
            f"The parameter '{name}' should be 'all', or one or more of {', '.join(allowed)}, but got "
            f"{values!r}. For example {name}='all'."
        )
    return list(dict.fromkeys(given))


def criterion_of(value: Any, allowed: Collection[str], why: str = "") -> str:
    """The criterion by which is chosen."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(
            f"The parameter 'criterion' should be one of {', '.join(allowed)}, but got {value!r}{why}."
        )
    return value


def seed_of(random_state: int | RandomState | None) -> int:
    """One seed for all fits, so that they start alike and each can be repeated by itself."""
    if isinstance(random_state, RandomState) or random_state is None:
        return int(validation.random_state(random_state).randint(MOST_SEED))
    return random_state
