"""One file of JSON and arrays, in NumPy's .npz format, replaced in one step and read with suspicion.

Every number of the file is stored as it is, so that nothing can be declared that is larger than the
file, and every member carries zip's checksum.
"""

import errno
import io
import json
import math
import os
import secrets
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, NamedTuple, Protocol

import numpy as np
from numpy.lib import format as npy

from fastmix.engine.results import Array

HEADER = "header.json"
MOST_HEADER_BYTES = 1 << 26  # of JSON, which takes many times its size in memory
DATE = (1980, 1, 1, 0, 0, 0)  # the first that zip knows: the same model is the same bytes
NPY_VERSION = 1, 0


class Outline(NamedTuple):
    """What an array is before anything of it is read."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class Source(Protocol):
    """Where arrays come from."""

    def names(self) -> set[str]:
        """Those that are there."""

    def outline(self, name: str) -> Outline:
        """What an array is; KeyError where it is missing."""

    def array(self, name: str) -> Array:
        """The array itself."""


class Held:
    """Arrays that are held in memory."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = arrays

    def names(self) -> set[str]:
        return set(self._arrays)

    def outline(self, name: str) -> Outline:
        return Outline(self._arrays[name].dtype, self._arrays[name].shape)

    def array(self, name: str) -> Array:
        return self._arrays[name]


class Filed:
    """Arrays in a file."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive = archive
        infos = archive.infolist()
        self._infos = {info.filename: info for info in infos}
        if len(self._infos) < len(infos):
            raise ValueError("two of its parts have the same name")
        if any(info.compress_type or info.file_size != info.compress_size for info in infos):
            raise ValueError("a part of it is compressed")
        if sum(info.file_size for info in infos) > size:
            raise ValueError("it declares more bytes than it has")

    def header(self) -> Any:
        """What the JSON says."""
        if self._infos[HEADER].file_size > MOST_HEADER_BYTES:
            raise ValueError(f"its {HEADER} is larger than {MOST_HEADER_BYTES} bytes")
        return json.loads(self._archive.read(HEADER))

    def names(self) -> set[str]:
        return {name.removesuffix(".npy") for name in self._infos if name != HEADER}

    def outline(self, name: str) -> Outline:
        info = self._infos[f"{name}.npy"]
        with self._archive.open(info) as part:
            if npy.read_magic(part) != NPY_VERSION:
                raise ValueError(f"{info.filename} is of another version of NumPy's format")
            shape, _, dtype = npy.read_array_header_1_0(part)
            size = info.file_size - part.tell()
        if any(length < 0 for length in shape) or math.prod(shape) * dtype.itemsize != size:
            raise ValueError(f"{info.filename} declares {dtype} {shape}, but has {size} bytes")
        return Outline(dtype.newbyteorder("="), shape)

    def array(self, name: str) -> Array:
        with self._archive.open(self._infos[f"{name}.npy"]) as part:
            array = npy.read_array(part, allow_pickle=False)
            part.read()  # to the end, where the checksum is looked at
        return np.asarray(array, array.dtype.newbyteorder("="), order="C")


@contextmanager
def opened(file: BinaryIO) -> Iterator[Filed]:
    """The header and the arrays of a file; errors of many kinds where it is none of ours."""
    with zipfile.ZipFile(file) as archive:
        yield Filed(archive, file.seek(0, io.SEEK_END))


def as_json(header: Any) -> bytes:
    """The header as it is written; ValueError where it is too large to be read again."""
    text = json.dumps(header, allow_nan=False).encode()
    if len(text) > MOST_HEADER_BYTES:
        raise ValueError(f"all that is not in arrays takes {len(text)} bytes: too many for a file")
    return text


def write(path: str | os.PathLike[str], header: bytes, arrays: Mapping[str, Array]) -> None:
    """Put header and arrays in place of the file: after any error or crash it is the old one, or the new one."""
    target = os.path.realpath(os.fsdecode(path))  # what a link leads to is replaced, not the link
    if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        raise OSError(errno.EINVAL, "Not a file, so it is not replaced", os.fsdecode(path))
    folder = os.path.dirname(target)
    if not os.path.exists(folder):
        reason = f"There is no folder {folder!r}: make it first"
        raise FileNotFoundError(errno.ENOENT, reason, os.fsdecode(path))
    aside = os.path.join(folder, f".fastmix-{secrets.token_hex(8)}.tmp")
    try:
        with open(aside, "xb") as file:
            _fill(file, header, arrays)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(target, aside)
        os.replace(aside, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(aside)
        if isinstance(error, OSError):  # of the file that nobody has asked for
            error.filename = os.fsdecode(path)
            del error.filename2  # None would be told, too
        raise
    _settle(folder)


def _fill(file: BinaryIO, header: bytes, arrays: Mapping[str, Array]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(HEADER, DATE), header)
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", DATE)
            little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
            with archive.open(info, "w", force_zip64=True) as part:
                npy.write_array(part, little, NPY_VERSION, allow_pickle=False)


def _settle(folder: str) -> None:
    """Make the new name last, where folders can be synchronised."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
