"""What an attribute of a fitted model may be: how it is written, and what is refused when it is read.

A kind writes a value as JSON, and puts arrays aside under the value's name. Reading is guided by the
same kinds, not by the file: what a file holds beyond them, or otherwise, is refused. Lengths are
symbols, k, d and n: whatever has read one first decides what it is for all others.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Protocol

import numpy as np

from fastmix.engine.results import Array
from fastmix.saving.archive import Source

FLOATS = (np.float64, np.float32)
INFINITE = ("inf", "-inf", "nan")

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
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise ValueError(f"{name} is {shown(value)}, not a whole number")
        return int(value)

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        if type(saved) is not int or not self.least <= saved <= self.most:
            raise ValueError(
                f"{name} is {shown(saved)}, not a whole number from {self.least} to {self.most}"
            )
        if self.symbol and known.setdefault(self.symbol, saved) != saved:
            raise ValueError(f"{name} is {saved}, but {self.symbol} is {known[self.symbol]}")
        return saved


@dataclass(frozen=True)
class Real:
    """A number with a point."""

    least: float = -math.inf

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        if not isinstance(value, float | np.floating):
            raise ValueError(f"{name} is {shown(value)}, not a float")
        return float(value) if math.isfinite(value) else repr(float(value))

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        found = float(saved) if isinstance(saved, str) and saved in INFINITE else saved
        if type(found) is not float or (self.least > -math.inf and not found >= self.least):
            raise ValueError(f"{name} is {shown(saved)}, not a float of at least {self.least}")
        return found


@dataclass(frozen=True)
class Truth:
    """True or false."""

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        if not isinstance(value, bool | np.bool_):
            raise ValueError(f"{name} is {shown(value)}, neither True nor False")
        return bool(value)

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        if type(saved) is not bool:
            raise ValueError(f"{name} is {shown(saved)}, neither true nor false")
        return saved


@dataclass(frozen=True)
class Text:
    """Text, which may have to be one of a few."""

    options: Collection[str] | None = None

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"{name} is {shown(value)}, not text")
        return str(value)

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        if type(saved) is not str or not (self.options is None or saved in self.options):
            allowed = "text" if self.options is None else f"one of {', '.join(self.options)}"
            raise ValueError(f"{name} is {shown(saved)}, not {allowed}")
        return saved


@dataclass(frozen=True)
class Nothing:
    """None."""

    def write(self, value: Any, name: str, arrays: Arrays) -> Any:
        if value is not None:
            raise ValueError(f"{name} is {shown(value)}, not None")

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Any:
        if saved is not None:
            raise ValueError(f"{name} is {shown(saved)}, not null")


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
        array = np.asarray(value)
        if array.dtype.newbyteorder("=") not in self.dtypes:
            raise ValueError(f"{name} is {shown(value)}, not an array of {self._kinds()}")
        arrays[name] = array
        return {"array": name}

    def read(self, saved: Any, name: str, source: Source, known: Known) -> Array:
        if saved != {"array": name}:
            raise ValueError(f"{name} is {shown(saved)}, not the array of this name")
        if name not in source.names():
            raise ValueError(f"the array of {name} is missing")
        dtype, shape = source.outline(name)
        if dtype.newbyteorder("=") not in self.dtypes:
            raise ValueError(f"{name} is an array of {dtype}, not of {self._kinds()}")
        if self.shape is None:
            agree(name, shape, self.symbols, known)
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


def agree(name: str, shape: tuple[int, ...], symbols: tuple[str, ...], known: Known) -> None:
    """Set the symbols that nobody has set yet; ValueError where the shape has others."""
    if len(shape) != len(symbols):
        raise ValueError(f"{name} has the shape {shape}, not {_symbolic(symbols)}")
    for length, symbol in zip(shape, symbols, strict=True):
        if known.setdefault(symbol, length) != length:
            raise ValueError(
                f"{name} has the shape {shape}, not {_symbolic(symbols)}, where {symbol} is "
                f"{known[symbol]}"
            )


def _symbolic(symbols: tuple[str, ...]) -> str:
    return f"({', '.join(symbols)}{',' if len(symbols) == 1 else ''})"


def shown(value: Any) -> str:
    """A value in a message, cut short."""
    text = f"a {type(value).__name__}" if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
