"""Rows that are read anew, chunk by chunk, in every pass: what is held of them at once is bounded.

A chunk is what the source gives. A block is what a pass goes through at once: the same rows, cut anew.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmix.engine.results import Array, Floats
from fastmix.engine.rows import Columns, columns_of, measure, part_ranges, part_rows

MEMORY = 1 << 28  # bytes that blocks may need
COPIES = 4  # of a block: of its chunks, gathered from them, packed, and one to spare
BLOCK_BYTES = 1 << 23  # of a block, if memory allows: it has to leave work for all threads


class Chunk(NamedTuple):
    """Some rows as the source gives them."""

    X: Array  # (m, d)
    weight: Floats | None = None  # (m,); None: 1
    name: str = ""  # in messages


Read = Callable[[Iterable[int]], Iterator[Chunk]]


class Chunks:
    """Rows (n, d) of a source; all but their number of features is known once they have been looked at.

    `read(sizes)` begins to read anew. A source that can choose gives chunks of so many rows, one after the
    other, until it ends. `at(numbers)` gives rows by number, where it can. `header` is a frame without
    rows that names the features, if anything does.
    """

    read = "chunk by chunk"  # in messages

    def __init__(
        self,
        read: Read,
        d: int,
        dtype: Any,
        memory: int = MEMORY,
        at: Callable[[Array], Array] | None = None,
        header: Any = None,
    ) -> None:
        self._read, self._at, self.header = read, at, header
        self.dtype, self.d, self.n, self.memory = np.dtype(dtype), d, 0, memory
        self.weight: Floats | None = None  # (n,) those of the source
        self.columns: Columns  # what a first look tells
        self.only: Array | None = None  # all rows, where they are one block
        part, row_bytes = part_rows(d), d * self.dtype.itemsize
        self.most_rows = max(part, memory // (COPIES * row_bytes) // part * part)
        self.block_rows = min(self.most_rows, max(part, BLOCK_BYTES // row_bytes // part * part))

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)."""
        return self.n, self.d

    def __len__(self) -> int:
        return self.n

    def blocks(self, sizes: Iterable[int] | None = None) -> Iterator[Array]:
        """All rows in order, in blocks of these sizes, or of one that suits the caches.

        A block holds until the next one is asked for.
        """
        sizes = list(sizes) if sizes is not None else repeat(self.block_rows)
        return recut((chunk.X for chunk in self._read(sizes)), sizes)

    def look(self, n_threads: int | None) -> None:
        """Read all rows for the first time: count and measure them, and keep their weights.

        Raises
        ------
        ValueError
            If there are no rows, or some are not finite.
        """
        weights, names, ranges = list[Floats](), list[tuple[int, str]](), list[Floats]()

        def chunks() -> Iterator[Array]:
            begin = 0
            for chunk in self._read(repeat(self.block_rows)):
                names.append((begin, chunk.name))
                begin += len(chunk.X)
                if chunk.weight is not None:
                    weights.append(chunk.weight)
                yield chunk.X

        block = np.empty((0, self.d), self.dtype)
        for block in recut(chunks(), repeat(self.block_rows)):
            found = part_ranges(block, n_threads)
            if not np.isfinite(found[0]).all():
                _refuse_infinite(block, self.n, names)
            ranges.append(found)
            self.n += len(block)
        if self.n == 0:
            raise ValueError(f"Found array with 0 sample(s) (shape={self.shape}): X has no rows.")
        self.weight = np.concatenate(weights) if weights else None
        if len(ranges) == 1:
            self.only = block
        self.columns = (
            columns_of(self.n, np.concatenate(ranges, 1))
            if self.only is None
            else measure(self.only, n_threads)
        )

    def replaced(self, absent: NDArray[np.bool_], row: int, n_threads: int | None) -> "Chunks":
        """The same with another row in place of every absent one (n,)."""
        x = self.rows_at(np.array([row]))[0]

        def read(sizes: Iterable[int]) -> Iterator[Chunk]:
            first = 0
            for chunk in self._read(sizes):
                gone = absent[first : first + len(chunk.X)]
                first += len(chunk.X)
                yield chunk._replace(X=np.where(gone[:, None], x, chunk.X), weight=None)

        others = copy(self)
        others._read, others._at, others.n = read, None, 0
        others.look(n_threads)
        return others

    def rows_at(self, numbers: Array) -> Array:
        """Rows by number, (len(numbers), d)."""
        if self._at is not None:
            return self._at(numbers)
        order = np.argsort(numbers, kind="stable")
        wanted, found = numbers[order], np.empty((len(numbers), self.d), self.dtype)
        begin = done = 0
        blocks = self.blocks()
        while done < len(wanted):
            block = next(blocks)
            upto = int(np.searchsorted(wanted, begin + len(block)))
            found[order[done:upto]] = block[wanted[done:upto] - begin]
            begin, done = begin + len(block), upto
        return found


def recut(chunks: Iterable[Array], sizes: Iterable[int]) -> Iterator[Array]:
    """The rows of the chunks in blocks of these sizes; the last may be smaller.

    Rows of one chunk are not copied.
    """
    wanted, parts, held = iter(sizes), list[Array](), 0
    size = next(wanted, 0)
    for chunk in chunks:
        first = 0
        while first < len(chunk):
            more = min(size - held, len(chunk) - first)
            parts.append(chunk[first : first + more])
            first, held = first + more, held + more
            if held == size:
                yield parts[0] if len(parts) == 1 else np.concatenate(parts)
                parts, held, size = [], 0, next(wanted, 0)
    if held:
        yield parts[0] if len(parts) == 1 else np.concatenate(parts)


def _refuse_infinite(block: Array, begin: int, names: list[tuple[int, str]]) -> None:
    """ValueError for the first value of a block, whose first row is number `begin`, that is not finite."""
    bad = np.argwhere(~np.isfinite(block))
    if not len(bad):  # only their sum overflows
        return
    row, column = int(bad[0, 0]) + begin, int(bad[0, 1])
    first, name = [each for each in names if each[0] <= row][-1]
    what = "NaN" if np.isnan(block[tuple(bad[0])]) else "infinity"
    where = f"row {row - first} of {name} (row {row} of all)" if name else f"row {row}"
    raise ValueError(f"Input X contains {what}: {where}, column {column}.")
