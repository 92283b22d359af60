"""How the chunks of a source are read, and what is wrong with them told."""

import mmap
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmix.engine.chunks import Chunk

BATCH_ROWS = 1 << 16  # of Parquet files
PARQUET = b"PAR1", b"PARE"  # a file begins with one of these
PATHS = "A path has to lead to a .npy file, a Parquet file or a folder of .parquet files"
# What has one of these is array-like, or nothing
NOT_CHUNKS = ("shape", "__array__", "__array_interface__", "__dataframe__", "__len__")
AGAIN = (
    "A fit reads its rows in every pass: give an object whose __iter__ begins anew every time, such as one "
    "of a class with `def __iter__(self): yield from read_chunks(path)`, or an array on disk."
)


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Errors of the system that say what has failed."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"{where}: {error.strerror or error}") from None


def is_dask(data: Any) -> bool:
    """Is this a collection of Dask? Arrays of other libraries may have its methods, and be in memory."""
    return hasattr(data, "__dask_graph__") and type(data).__module__.startswith("dask")


def is_on_disk(data: Any) -> bool:
    """Is this a memory map, or another array that is sliced without being read as a whole?"""
    if isinstance(data, np.memmap):
        return data.ndim == 2
    needed = ("shape", "chunks", "dtype", "__getitem__")
    return all(hasattr(data, name) for name in needed) and not is_dask(data)


def is_read_again(data: Any) -> bool:
    """Is this a path, or an object that gives chunks whenever it is asked to?"""
    if isinstance(data, str | os.PathLike):
        return True
    return isinstance(data, Iterable) and not any(hasattr(data, name) for name in NOT_CHUNKS)


def reader_of(data: Any) -> "Slices | Again":
    """What reads the data.

    Raises
    ------
    TypeError
        If they cannot be read, or not twice.
    """
    if isinstance(data, str | os.PathLike):
        path = Path(data)
        if not path.exists():
            raise FileNotFoundError(f"X names no file or folder: {str(path)!r}.")
        if path.suffix == ".npy":
            return Slices(mapped(path))
        if not _look_like_parquet(path):
            raise ValueError(
                f"X is the path of {path.name!r}, which is not read. {PATHS}. Read the file by yourself and "
                f"give its rows: pandas.read_csv({str(path)!r}), for example."
            )
        return Again(Parquet(path))
    if is_on_disk(data):
        return Slices(data)
    if isinstance(data, np.ndarray) or not isinstance(data, Iterable):
        raise TypeError(
            "A source has to be an array on disk, a path, or an object that gives chunks of rows, but got "
            f"{type(data).__name__}. What is in memory can be fitted as it is."
        )
    return Again(data)


def mapped(path: Path) -> NDArray[Any]:
    """The array of a .npy file, of which nothing has been read."""
    with readable(path):
        return np.load(path, mmap_mode="r")


class Slices:
    """Reads an array slice by slice."""

    header = None  # nothing names its columns

    def __init__(self, array: Any) -> None:
        if len(array.shape) != 2:
            raise ValueError(f"Expected an array of two dimensions, but got shape {array.shape}.")
        self.array, self.n = array, int(array.shape[0])
        mapped: Any = getattr(array, "_mmap", None)
        whole = isinstance(mapped, mmap.mmap) and array.flags.c_contiguous and len(array) > 0
        self.mapped: Any = mapped if whole else None
        if whole:  # where the array begins there
            self.begin = array.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data

    def kind(self) -> tuple[int, np.dtype[Any]]:
        """Number of columns, and dtype in which they are computed with."""
        return int(self.array.shape[1]), dtype_of(self.array.dtype, "X")

    def read(self, sizes: Iterable[int]) -> Iterator[Chunk]:
        """Chunks of these sizes."""
        (_, dtype), first = self.kind(), 0
        for size in sizes:
            if first >= self.n:
                return
            last = min(first + size, self.n)
            self._check(first, last)
            with placed(f"Rows {first} to {last - 1} cannot be read"):
                some = np.ascontiguousarray(self.array[first:last], dtype)
            yield Chunk(some)
            self._forget(first, last)
            first = last

    def at(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Rows by number."""
        wanted, places = np.unique(numbers, return_inverse=True)
        self._check(int(wanted[0]), int(wanted[-1]) + 1)
        found = np.stack([np.asarray(self.array[int(i)]) for i in wanted])
        return found[places.ravel()].astype(self.kind()[1], copy=False)

    def _check(self, first: int, last: int) -> None:
        """OSError where a mapped file has become shorter: to read beyond its end would end the process."""
        path = getattr(self.array, "filename", None)
        if self.mapped is None or path is None:
            return
        row = self.array.strides[0]
        offset = self.array.offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        size, needed = os.path.getsize(path), offset + self.begin + last * row
        if size < needed:
            raise OSError(
                f"Rows {first} to {last - 1} cannot be read: {path} was cut off. It has {size} bytes, and "
                f"they end at byte {needed}."
            )

    def _forget(self, first: int, last: int) -> None:
        """Pages that were read need not stay with this process; the system still has them."""
        advice = getattr(mmap, "MADV_DONTNEED", None)  # there is none on Windows
        if self.mapped is None or advice is None or self.array.mode == "c":
            return
        row = self.array.strides[0]
        start = (self.begin + first * row) // mmap.PAGESIZE * mmap.PAGESIZE
        stop = min(len(self.mapped), self.begin + last * row)
        self.mapped.madvise(advice, start, stop - start)


class Again:
    """Reads an iterable from its beginning, and finds out if it gives something else than before."""

    at = None  # only in order
    n = None  # nobody has counted them

    def __init__(self, data: Iterable[Any]) -> None:
        self.data = data
        self.lengths: list[int] | None = None  # rows of every chunk, once all have been read
        if iter(data) is data:
            raise TypeError(f"X is a {type(data).__name__}, which can be read only once. {AGAIN}")

    def kind(self) -> tuple[int, np.dtype[Any]]:
        """Number of columns, and dtype, of the first chunk."""
        for number, given in enumerate(self.data):
            first = plain(given, number)
            self.columns, self.dtype = first.X.shape[1], first.X.dtype
            self.names, self.header = names_of(given), header_of(given)
            self.weighted = first.weight is not None
            return self.columns, self.dtype
        raise ValueError("X has no chunks, and so no rows.")

    def read(self, sizes: Iterable[int]) -> Iterator[Chunk]:
        """Chunks as they come."""
        lengths = list[int]()
        for number, given in enumerate(self.data):
            chunk = plain(given, number)
            self._compare(chunk, names_of(given))
            lengths.append(len(chunk.X))
            self._compare_rows(lengths, ended=False)
            yield chunk
        self._compare_rows(lengths, ended=True)
        self.lengths = lengths

    def _compare(self, chunk: Chunk, names: list[Any] | None) -> None:
        """ValueError where a chunk is of another kind than the first."""
        (_, d), dtype, name = chunk.X.shape, chunk.X.dtype, chunk.name.capitalize()
        if d != self.columns:
            told = differing(names, self.names)
            raise ValueError(f"{name} has {d} columns, but chunk 0 has {self.columns}{told}.")
        if names != self.names:
            raise ValueError(
                f"{name} has other column names than chunk 0{differing(names, self.names)}. Give all chunks the "
                "same columns in the same order."
            )
        if dtype != self.dtype:
            raise ValueError(
                f"{name} is of dtype {dtype}, but chunk 0 of {self.dtype}: convert one."
            )
        if (chunk.weight is not None) != self.weighted:
            others = "with" if self.weighted else "without"
            own = "without" if self.weighted else "with"
            raise ValueError(f"{name} comes {own} row weights, but chunk 0 {others} them.")

    def _compare_rows(self, lengths: list[int], ended: bool) -> None:
        """ValueError where an earlier pass had other chunks."""
        if self.lengths is None:
            return
        number = len(lengths) - 1
        if number >= len(self.lengths) or (ended and len(lengths) < len(self.lengths)):
            raise ValueError(
                f"There were {len(self.lengths)} chunks in the first pass, but now there is "
                f"{'no' if ended else 'a'} chunk {number + ended}. The source must not change during a fit."
            )
        if lengths and lengths[-1] != self.lengths[number]:
            raise ValueError(
                f"Chunk {number} had {self.lengths[number]} rows in the first pass, but has {lengths[-1]} "
                "now. The source must not change during a fit."
            )


class Parquet:
    """Record batches of a file, or of the files of a folder by name."""

    def __init__(self, path: Path) -> None:
        try:
            from pyarrow.parquet import ParquetFile
        except ImportError:
            raise ImportError(f"To read {path} as Parquet, install pyarrow.") from None
        self.open = ParquetFile
        self.files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not self.files:
            raise FileNotFoundError(f"There are no .parquet files in {path}. {PATHS}.")

    def __iter__(self) -> Iterator[Any]:
        """Batches of at most BATCH_ROWS rows, with the columns of the first file in its order."""
        names: list[str] | None = None
        for path in self.files:
            with readable(path):
                file = self.open(path)
            with file:
                own, whole = features_of(file.schema_arrow), file.schema_arrow.names
                names = own if names is None else names
                if own != names and (sorted(own) != sorted(names) or len(set(own)) < len(own)):
                    raise ValueError(
                        f"{path} has other columns than {self.files[0].name}{differing(own, names)}."
                    )
                with readable(path):
                    for batch in file.iter_batches(BATCH_ROWS):
                        yield batch if whole == names else batch.select(names)


def features_of(schema: Any) -> list[str]:
    """Names of the columns, but for the index of a frame of pandas, which is kept as one."""
    index = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in schema.names if name not in index]


def _look_like_parquet(path: Path) -> bool:
    """Is this a folder or a file of that name or beginning?"""
    if path.is_dir() or path.suffix == ".parquet":
        return True
    with path.open("rb") as file:
        return file.read(4) in PARQUET


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Whatever a library says of a damaged file is a ValueError that names it."""
    try:
        yield
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} cannot be read, or not to its end: {reason}") from None


def plain(given: Any, number: int) -> Chunk:
    """A chunk as arrays; ValueError where it is none."""
    name, weight = f"chunk {number}", None
    if isinstance(given, tuple):
        if len(given) != 2:
            raise ValueError(
                f"{name.capitalize()} is a tuple of {len(given)}: a pair is rows and weights."
            )
        given, weight = given
    names = names_of(given) if hasattr(given, "schema") else None
    array = np.asarray(given) if names is None else _from_columns(given, names, name)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"{name.capitalize()} has shape {array.shape}, but has to be (rows, features)."
        )
    X = np.ascontiguousarray(array, dtype_of(array.dtype, name.capitalize()))
    if weight is not None:
        weight = np.asarray(weight, np.float64)
        if weight.shape != (len(X),):
            raise ValueError(
                f"{name.capitalize()} has {len(X)} rows, but weights of shape {weight.shape}."
            )
    return Chunk(X, weight, name)


def names_of(given: Any) -> list[Any] | None:
    """What the columns of a chunk are called, of a frame or of a table or record batch of Arrow."""
    rows = given[0] if isinstance(given, tuple) else given
    if hasattr(rows, "schema") and isinstance(getattr(rows.schema, "names", None), list):
        return list(rows.schema.names)
    return list(rows.columns) if hasattr(rows, "columns") else None


def header_of(given: Any) -> Any:
    """A frame of the same columns without rows; None where they have no names."""
    rows = given[0] if isinstance(given, tuple) else given
    if names_of(rows) is None:
        return None
    empty = getattr(getattr(rows, "schema", None), "empty_table", None)
    return rows[:0] if empty is None else empty()


def differing(names: list[Any] | None, others: list[Any] | None) -> str:
    """How names of columns differ from others, to go on in a message."""
    if names is None or others is None:
        return "" if names is others else f": {'none' if names is None else names}"
    lacking = [name for name in others if name not in names]
    beyond = [name for name in names if name not in others]
    found = [
        f"{what} {', '.join(map(repr, which))}"
        for what, which in (("without", lacking), ("with", beyond))
        if which
    ]
    return f": {' and '.join(found)}" if found else f": {names}, not {others}"


def _from_columns(batch: Any, names: list[Any], name: str) -> NDArray[Any]:
    """A record batch or a table of Arrow, or a frame with a schema, as an array."""
    columns = [
        np.asarray(batch.column(j) if hasattr(batch, "column") else batch[names[j]])
        for j in range(len(names))
    ]
    for label, column in zip(names, columns, strict=True):
        dtype_of(column.dtype, f"Column {label!r} of {name}")
    dtype = np.result_type(*columns) if columns else np.float64
    array = np.empty((len(batch), len(columns)), dtype_of(dtype, name))
    for j, column in enumerate(columns):
        array[:, j] = column
    return array


def dtype_of(dtype: Any, name: str) -> np.dtype[Any]:
    """float32 for float32, else float64; ValueError where there are no numbers."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf":
        raise ValueError(f"{name} is of dtype {dtype}, but rows have to be numbers.")
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)
