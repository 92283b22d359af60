"""Kinds that are made of other kinds, and those of the values that several estimators have."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

import numpy as np
from numpy.random import RandomState

from fastmix.engine.results import Array, Frame, Indices
from fastmix.saving.archive import Source
from fastmix.saving.kinds import (
    Arrays,
    Kind,
    Known,
    Nothing,
    Numbers,
    Real,
    Text,
    Truth,
    Whole,
    agree,
    shown,
)

WORDS = 624  # of the state of the Mersenne twister


@dataclass(frozen=True)
class Either:
    """The first of several kinds that fits."""

    kinds: tuple[Kind, ...]

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        return self._first(lambda kind: kind.write(value, name, arrays))

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        return self._first(lambda kind: kind.read(saved, name, source, known))

    def _first(self, job: Callable[[Kind], Any]) -> Any:
        *others, last = self.kinds
        for kind in others:
            try:
                return job(kind)
            except ValueError:
                continue
        return job(last)


def either(*kinds: Kind) -> Either:
    """The first of these kinds that fits."""
    return Either(kinds)


@dataclass(frozen=True)
class Series:
    """A list or tuple of values of one kind, as many as a symbol says."""

    kind: Kind
    of: type[list[Any]] | type[tuple[Any, ...]] = list
    symbol: str | None = None

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        if not isinstance(value, self.of):
            raise ValueError(f"{name} is {shown(value)}, not a {self.of.__name__}")
        return [self.kind.write(v, f"{name}.{i}", arrays) for i, v in enumerate(value)]

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        if type(saved) is not list:
            raise ValueError(f"{name} is {shown(saved)}, not a list")
        if self.symbol:
            agree(name, (len(saved),), (self.symbol,), known)
        return self.of(self.kind.read(v, f"{name}.{i}", source, known) for i, v in enumerate(saved))


@dataclass(frozen=True)
class Made:
    """A value that is made of named parts."""

    parts: Mapping[str, Kind]
    take_apart: Callable[[Any], Mapping[str, Any]]
    make: Callable[..., Any]  # of the parts; ValueError where they do not fit together
    optional: Collection[str] = ()  # that the file of an older release may not have

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        try:
            parts = self.take_apart(value)
        except (AttributeError, TypeError):
            raise ValueError(f"{name} is {shown(value)}, which no file can hold") from None
        return {
            part: kind.write(parts[part], f"{name}.{part}", arrays)
            for part, kind in self.parts.items()
        }

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        if type(saved) is not dict or saved.keys() - self.parts.keys():
            raise ValueError(f"{name} is {shown(saved)}, not made of {', '.join(self.parts)}")
        missing = self.parts.keys() - saved.keys() - set(self.optional)
        if missing:
            raise ValueError(f"{name} lacks {', '.join(sorted(missing))}")
        parts = {
            part: self.parts[part].read(saved[part], f"{name}.{part}", source, known)
            for part in self.parts
            if part in saved
        }
        try:
            return self.make(**parts)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{name} does not fit together: {error}") from None


@dataclass(frozen=True)
class Listed:
    """A short array (m,), as JSON's list."""

    items: Series
    dtype: Any

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        return self.items.write(np.asarray(value).tolist(), name, arrays)

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Array:
        return np.array(self.items.read(saved, name, source, known), self.dtype)


def optional(kind: Kind) -> Either:
    """The kind, or None."""
    return either(Nothing(), kind)


NUMBER = either(Whole(least=-(2**63)), Real())
NAMES = Listed(Series(Text(), symbol="d"), object)

# What a parameter may be: an array-like comes back as an array
PARAMETER = either(
    *(Nothing(), Truth(), NUMBER, Text()),
    Numbers(dtypes="?bBhHiIlLqQfd", shape=lambda known: None, finite=False),
)

# Kinds of the fields of records, by their annotations
OF_FIELDS: dict[Any, Kind] = {
    bool: Truth(),
    int: Whole(),
    float: either(Real(), Whole()),
    str: Text(),
    list[float]: Series(Real()),
    str | None: optional(Text()),
    tuple[str, ...]: Series(Text(), tuple),
    tuple[int, ...]: Series(Whole(), tuple),
    Indices | None: optional(Listed(Series(Whole()), np.int64)),
}


def record(cls: Any) -> Made:
    """A NamedTuple of this class."""
    fields = {
        name: record(hint) if hasattr(hint, "_asdict") else OF_FIELDS[hint]
        for name, hint in get_type_hints(cls).items()
    }
    return Made(fields, cls._asdict, cls, tuple(cls._field_defaults))


def records(cls: Any) -> Series:
    """A list of NamedTuples of this class."""
    return Series(record(cls))


OUTPUT = Made({"transform": Text(("default", "pandas", "polars"))}, dict, dict)
FRAME = Made(
    {"origin": Numbers("d"), "exponent": Whole(-1100, 1100)},
    Frame._asdict,
    Frame,
)


def _state_of(random: RandomState) -> dict[str, Any]:
    state: dict[str, Any] = random.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise TypeError
    return {**state["state"], "has_gauss": state["has_gauss"], "gauss": float(state["gauss"])}


def _stream(key: Array, pos: int, has_gauss: int, gauss: float) -> RandomState:
    random = RandomState(0)
    random.set_state(("MT19937", key, pos, has_gauss, gauss))
    return random


# A position beyond the words would be read by NumPy without a look.
STREAM = Made(
    {
        "key": Numbers(dtypes=(np.uint32,), shape=lambda known: (WORDS,)),
        "pos": Whole(0, WORDS),
        "has_gauss": Whole(0, 1),
        "gauss": Real(),
    },
    _state_of,
    _stream,
)
