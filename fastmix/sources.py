"""Rows from files and other places that hold more of them than memory does.

A fit reads its source once for every pass and holds a few blocks of it at a time.
"""

import functools
import math
import os
from collections.abc import Callable, Iterable, Iterator
from numbers import Integral
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmix._readers import is_dask, is_on_disk, is_read_again, mapped, placed, reader_of
from fastmix.engine.chunks import MEMORY, Chunk, Chunks, Read

__all__ = ["MEMORY", "Source", "apply"]

LEAST_MEMORY = 1 << 22  # bytes
Method = TypeVar("Method", bound=Callable[..., Any])

RowsLike = ArrayLike | Iterable[Any] | os.PathLike[str]
"""What KMeans and the mixtures are fitted to, and all estimators predict: arrays, frames, sparse matrices,
collections of Dask, sources and paths."""


class Source:
    """Rows that are read chunk by chunk, as often as they are needed.

    Fits and predictions take what a Source can be made of as it is; a Source of one's own sets how
    much memory they may use, and takes lists of arrays.

    Parameters
    ----------
    data : object
        One of

        - an array on disk: :class:`numpy.memmap`, a Zarr array, or whatever else has ``shape``,
          ``chunks`` and slices;
        - a path: a ``.npy`` file, a Parquet file, or a folder of Parquet files, which are read in the
          order of their names, with the columns of the first (needs pyarrow);
        - an object that can be iterated over again and again, and gives arrays of shape (m, n_features),
          frames or record batches of pyarrow, all with the same columns, or pairs of one of these and
          its row weights (m,).
    memory : int, default=268435456
        Bytes that blocks of rows may need during a pass, at least 4194304. What is kept of every row
        comes on top of it: 4 bytes for its label, 8 for its weight where there are any, and a number
        while starts are drawn. So do the chunks of a source that cuts them itself.
    progress : bool, default=False
        Show on standard error, chunk by chunk, how far a pass is, and which one it is.

    Raises
    ------
    TypeError
        If the data cannot be read twice, or are nothing that could be read.
    ValueError
        If memory is too little, or a file cannot be read, or is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmix import KMeans
    >>> from fastmix.sources import Source
    >>> chunks = [np.array([[0.0], [1.0]]), np.array([[9.0], [10.0], [11.0]])]
    >>> KMeans(n_clusters=2, random_state=0).fit(Source(chunks)).cluster_centers_
    array([[10. ],
           [ 0.5]])
    """

    def __init__(self, data: Any, *, memory: int = MEMORY, progress: bool = False) -> None:
        if not isinstance(memory, Integral) or memory < LEAST_MEMORY:
            raise ValueError(
                f"memory must be a number of bytes of at least {LEAST_MEMORY}, but got {memory!r}."
            )
        self.data: Any = data
        self.memory: int = int(memory)
        self.progress: bool = progress
        reader_of(data)

    def chunks(self) -> Chunks:
        """The rows, as a pass reads them; nobody has looked at them yet."""
        reader = reader_of(self.data)
        kind = reader.kind()
        read = _watched(reader.read, reader.n) if self.progress else reader.read
        return Chunks(read, *kind, self.memory, reader.at, reader.header)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """The rows in order, in blocks of shape (m, n_features)."""
        chunks = self.chunks()
        for block in chunks.blocks():
            yield block if chunks.header is None else _named(block, chunks.header)


def _watched(read: Read, n: int | None) -> Read:
    """The same with a bar for every pass; how many rows there are is known from the end of the first on."""
    from tqdm import tqdm

    n_passes = 0

    def watched(sizes: Iterable[int]) -> Iterator[Chunk]:
        nonlocal n, n_passes
        n_passes += 1
        with tqdm(
            total=n, desc=f"pass {n_passes}", unit=" rows", unit_scale=True, leave=False
        ) as bar:
            for chunk in read(sizes):
                yield chunk
                bar.update(len(chunk.X))
            n = bar.n

    return watched


class NamedRows(np.ndarray[Any, Any]):
    """A block of rows whose features have names, which whoever checks features asks for."""

    header: Any = None  # a frame of these columns without rows


def _named(block: NDArray[Any], header: Any) -> NamedRows:
    rows = block.view(NamedRows)
    rows.header = header
    return rows


def opened(data: Any) -> Any:
    """The array of a .npy file, as a memory map; all else as it is."""
    if isinstance(data, str | os.PathLike):
        path = Path(data)
        if path.suffix == ".npy" and path.exists():
            return mapped(path)
    return data


def is_elsewhere(data: Any) -> bool:
    """Are these rows no array, not even one on disk, but what only passes can read?"""
    if type(data) is np.ndarray:
        return False
    return isinstance(data, Source) or is_read_again(data)


def is_source(data: Any) -> bool:
    """Has this to be read chunk by chunk? An array on disk has not if it fits into the memory of a Source."""
    if type(data) is np.ndarray:
        return False
    data = opened(data)
    if isinstance(data, Source):
        return True
    if is_on_disk(data):
        return bool(math.prod(data.shape) * np.dtype(data.dtype).itemsize > MEMORY)
    return is_read_again(data)


def by_blocks(method: Method) -> Method:
    """Decorates what gives a row of results for every row: sources go through it block by block.

    Collections of Dask will, once their results are asked for.
    """

    @functools.wraps(method)
    def run(self: Any, X: Any) -> Any:
        if is_dask(X):
            from fastmix import distributed

            return distributed.lazily(self, method.__name__, X)
        if not is_source(X):
            return method(self, X)
        return np.concatenate(list(apply(functools.partial(method, self), X)))

    return cast(Method, run)


def by_sums(method: Method) -> Method:
    """Decorates what gives numbers that add up over rows: of collections of Dask, blocks where they are."""

    @functools.wraps(method)
    def run(self: Any, X: Any, sample_weight: Any) -> Any:
        if is_dask(X):
            from fastmix import distributed

            return distributed.added_up(self, method.__name__, X, sample_weight)
        return method(self, X, sample_weight)

    return cast(Method, run)


def apply(function: Callable[[Any], Any], data: Any, *, out: Any = None) -> Any:
    """What a function gives for all rows of a source, block by block.

    Parameters
    ----------
    function : callable
        Takes rows (m, n_features) and returns an array with m rows: a method of a fitted estimator,
        such as ``model.predict_proba``. fastmix's estimators compare names of columns, where there are any.
    data : object
        A :class:`Source`, or what one can be made of.
    out : array of shape (n_samples, ...), default=None
        Where the results go: an array, a memory map, a Zarr array. None gives them one by one.

    Returns
    -------
    results : iterator of ndarray, or out
        The results of the blocks, in order, or `out` when all are written.

    Raises
    ------
    ValueError
        If `out` has another number of rows than the source.
    OSError
        If there is no room on the disk of `out`; the message tells from which row on.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmix import KMeans
    >>> from fastmix.sources import Source, apply
    >>> rows = Source([np.array([[0.0], [1.0]]), np.array([[9.0], [10.0], [11.0]])])
    >>> model = KMeans(n_clusters=2, random_state=0).fit(rows)
    >>> apply(model.predict, rows, out=np.empty(5, np.int32))
    array([1, 1, 0, 0, 0], dtype=int32)
    >>> [distances.shape for distances in apply(model.transform, rows)]
    [(5, 2)]
    """
    source = data if isinstance(data, Source) else Source(data)
    results = (function(block) for block in source)
    return results if out is None else _written(results, out)


def _written(results: Iterable[Any], out: Any) -> Any:
    """`out`, when the results of all blocks are in it."""
    first, n = 0, out.shape[0]  # Zarr's arrays have no length
    _reserve(out)
    for found in results:
        last = first + len(found)
        if last > n:
            raise ValueError(f"out has {n} rows, but the source has more of them.")
        with placed(f"Rows {first} to {last - 1} could not be written to out"):
            out[first:last] = found
        first = last
    if first < n:
        raise ValueError(f"out has {n} rows, but the source has {first}.")
    if isinstance(out, np.memmap):
        with placed("out could not be written"):
            out.flush()
    return out


def _reserve(out: Any) -> None:
    """Room on the disk for a memory map: to write where there is none would end the process."""
    if isinstance(out, np.memmap) and hasattr(os, "posix_fallocate") and out.filename is not None:
        with (
            placed(f"There is no room for out, {out.nbytes} bytes"),
            open(out.filename, "r+b") as file,
        ):
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
