"""What an attribute of a fitted model may be: how it is written, and what is refused when it is read.

A kind writes a value as JSON, and puts arrays aside under the value's name. Reading is guided by the
same kinds, not by the file: what a file holds beyond them, or otherwise, is refused. Lengths are
symbols, k, d and n: whatever has read one first decides what it is for all others.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Protocol, get_type_hints

import numpy as np
from numpy.random import RandomState

from fastmix.engine.results import Array, Frame, Indices
from fastmix.saving.archive import Source

FLOATS = (np.float64, np.float32)
INFINITE = ("inf", "-inf", "nan")
WORDS = 624  # of the state of the Mersenne twister

Known = dict[str, Any]  # lengths by symbol, and what was read before, by name
Arrays = dict[str, Array]


class Kind(Protocol):
    """Writes values of one kind, and reads them."""

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        """The value as JSON, its arrays beside it; ValueError where it is of another kind."""

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        """The value again; ValueError where this is none."""


@dataclass(frozen=True)
class Whole:
    """A whole number, which may be a length."""

    least: int = 0
    most: int = 2**63 - 1
    symbol: str | None = None

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        """As JSON's number."""
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise ValueError(f"{name} is {_shown(value)}, not a whole number")
        return int(value)

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        """An int within its bounds."""
        if type(saved) is not int or not self.least <= saved <= self.most:
            raise ValueError(
                f"{name} is {_shown(saved)}, not a whole number from {self.least} to {self.most}"
            )
        if self.symbol:
            _agree(name, "is", (saved,), (self.symbol,), known)
        return saved


@dataclass(frozen=True)
class Real:
    """A number with a point."""

    least: float = -math.inf

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        """As JSON's number, to the last bit; as text where JSON has no number."""
        if not isinstance(value, float | np.floating):
            raise ValueError(f"{name} is {_shown(value)}, not a float")
        return float(value) if math.isfinite(value) else repr(float(value))

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        """A float, at least the least one; NaN is let through where there is none."""
        found = float(saved) if isinstance(saved, str) and saved in INFINITE else saved
        if type(found) is not float or (self.least > -math.inf and not found >= self.least):
            raise ValueError(f"{name} is {_shown(saved)}, not a float of at least {self.least}")
        return found


@dataclass(frozen=True)
class Truth:
    """True or false."""

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        """As JSON's."""
        if not isinstance(value, bool | np.bool_):
            raise ValueError(f"{name} is {_shown(value)}, neither True nor False")
        return bool(value)

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        """A bool."""
        if type(saved) is not bool:
            raise ValueError(f"{name} is {_shown(saved)}, neither true nor false")
        return saved


@dataclass(frozen=True)
class Text:
    """Text, which may have to be one of a few."""

    options: Collection[str] | None = None

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        """As JSON's."""
        if not isinstance(value, str):
            raise ValueError(f"{name} is {_shown(value)}, not text")
        return str(value)

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        """A str."""
        if type(saved) is not str or not (self.options is None or saved in self.options):
            allowed = "text" if self.options is None else f"one of {', '.join(self.options)}"
            raise ValueError(f"{name} is {_shown(saved)}, not {allowed}")
        return saved


@dataclass(frozen=True)
class Nothing:
    """None."""

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        """As null."""
        if value is not None:
            raise ValueError(f"{name} is {_shown(value)}, not None")

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        """None."""
        if saved is not None:
            raise ValueError(f"{name} is {_shown(saved)}, not null")


class Numbers:
    """An array of numbers, of a shape given in symbols or as what is known decides."""

    def __init__(
        self,
        *symbols: str,
        dtypes: Collection[Any] = FLOATS,
        shape: Callable[[Known], tuple[int, ...] | None] | None = None,
        least: float | None = None,
        below: str | int | None = None,
        finite: bool = True,
    ) -> None:
        self.symbols, self.shape = symbols, shape
        self.dtypes = [np.dtype(dtype) for dtype in dtypes]
        self.least, self.below, self.finite = least, below, finite

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        """As an array of the file."""
        array = np.asarray(value)
        if array.dtype.newbyteorder("=") not in self.dtypes:
            raise ValueError(f"{name} is {_shown(value)}, not an array of {self._kinds()}")
        arrays[name] = array
        return {"array": name}

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Array:
        """The array, once dtype and shape are what they have to be."""
        if saved != {"array": name}:
            raise ValueError(f"{name} is {_shown(saved)}, not the array of this name")
        if name not in source.names():
            raise ValueError(f"the array of {name} is missing")
        dtype, shape = source.outline(name)
        if dtype.newbyteorder("=") not in self.dtypes:
            raise ValueError(f"{name} is an array of {dtype}, not of {self._kinds()}")
        if self.shape is None:
            _agree(name, "has the shape", shape, self.symbols, known)
        else:
            wanted = self.shape(known)
            if wanted is not None and shape != wanted:
                raise ValueError(f"{name} has the shape {shape}, not {wanted}")
        array = source.array(name)
        self._check(array, name, known)
        return array

    def _check(self, array: Array, name: str, known: Known) -> None:
        """Are the numbers where they may be?"""
        if not array.size:
            return
        if self.finite and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are not finite")
        if self.least is not None and not array.min() >= self.least:
            raise ValueError(f"{name} has values below {self.least}")
        end = known[self.below] if isinstance(self.below, str) else self.below
        if end is not None and not array.max() < end:
            raise ValueError(f"{name} has values that are not below {end}")

    def _kinds(self) -> str:
        return " or ".join(dtype.name for dtype in self.dtypes)


@dataclass(frozen=True)
class Either:
    """The first of several kinds that fits."""

    kinds: tuple[Kind, ...]

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        """As that kind writes it."""
        return self._first(lambda kind: kind.write(value, name, arrays))

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        """As that kind reads it."""
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
        """As JSON's list."""
        if not isinstance(value, self.of):
            raise ValueError(f"{name} is {_shown(value)}, not a {self.of.__name__}")
        return [self.kind.write(v, f"{name}.{i}", arrays) for i, v in enumerate(value)]

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        """The list or tuple."""
        if type(saved) is not list:
            raise ValueError(f"{name} is {_shown(saved)}, not a list")
        if self.symbol:
            _agree(name, "has the length", (len(saved),), (self.symbol,), known)
        return self.of(self.kind.read(v, f"{name}.{i}", source, known) for i, v in enumerate(saved))


@dataclass(frozen=True)
class Made:
    """A value that is made of named parts."""

    parts: Mapping[str, Kind]
    take_apart: Callable[[Any], Mapping[str, Any]]
    make: Callable[..., Any]  # of the parts; ValueError where they do not fit together
    optional: Collection[str] = ()  # that the file of an older release may not have

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        """As JSON's object."""
        try:
            parts = self.take_apart(value)
        except (AttributeError, TypeError):
            raise ValueError(f"{name} is {_shown(value)}, which no file can hold") from None
        return {
            part: kind.write(parts[part], f"{name}.{part}", arrays)
            for part, kind in self.parts.items()
        }

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        """The value, from its parts."""
        if type(saved) is not dict or saved.keys() - self.parts.keys():
            raise ValueError(f"{name} is {_shown(saved)}, not made of {', '.join(self.parts)}")
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
        """As JSON's list."""
        return self.items.write(np.asarray(value).tolist(), name, arrays)

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Array:
        """The array."""
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
    list[float]: Series(Real()),
    str | None: optional(Text()),
    tuple[str, ...]: Series(Text(), tuple),
    Indices | None: optional(Listed(Series(Whole()), np.int64)),
}


def records(cls: Any) -> Series:
    """A list of NamedTuples of this class."""
    fields = {name: OF_FIELDS[hint] for name, hint in get_type_hints(cls).items()}
    return Series(Made(fields, cls._asdict, cls, tuple(cls._field_defaults)))


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


def _agree(
    name: str, what: str, shape: tuple[int, ...], symbols: tuple[str, ...], known: Known
) -> None:
    """Set the symbols that nobody has set yet; ValueError where one is something else."""
    if len(shape) != len(symbols):
        raise ValueError(f"{name} {what} {shape}, not {_symbolic(symbols)}")
    for length, symbol in zip(shape, symbols, strict=True):
        if known.setdefault(symbol, length) != length:
            raise ValueError(
                f"{name} {what} {shape}, not {_symbolic(symbols)}, where {symbol} is {known[symbol]}"
            )


def _symbolic(symbols: tuple[str, ...]) -> str:
    return f"({', '.join(symbols)}{',' if len(symbols) == 1 else ''})"


def _shown(value: Any) -> str:
    """A value in a message, cut short."""
    text = f"a {type(value).__name__}" if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
