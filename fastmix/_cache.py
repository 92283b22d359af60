"""A disk cache for compiled kernels that may be stale, shared, damaged or unwritable without ever being wrong.

Numba's own cache stamps a kernel with its own source file only, keeps an index that two processes
can mix up, and leaves the compiler's flags out of its key. Here every specialisation is one file,
named by the hash of all it was made from, that checks itself when read. Whatever goes wrong means
"not cached" and nothing else.

The files are pickles: a folder that somebody else owns or may write to is never read.
"""

import hashlib
import os
import pathlib
import pickle
import re
import shutil
import stat
import sys
import tempfile
import time
from contextlib import suppress

import llvmlite
import numba
from numba import config

try:  # four private names of Numba; without them kernels are compiled anew in every process
    from numba.core.caching import _Cache as _Base
    from numba.core.compiler import CompileResult
    from numba.core.runtime import rtsys
    from numba.core.serialize import dumps

    AVAILABLE = hasattr(CompileResult, "_reduce") and hasattr(CompileResult, "_rebuild")
except ImportError:
    _Base, AVAILABLE = object, False

PACKAGE = pathlib.Path(__file__).parent
KEEP_DAYS = 30
ASIDE = ".part"  # how the names of files end that are still being written
ASIDE_DAYS = 1
DIGEST_BYTES = 32
NAME_LENGTH = 20
FOLDER = re.compile(rf"[0-9a-f]{{{NAME_LENGTH}}}")  # how folders of kernels are named
FILE = re.compile(
    rf"fastmix\..+-[0-9a-f]{{{NAME_LENGTH}}}\.bin|tmp\w+\{ASIDE}"
)  # and what is in them


def _hash_sources():
    """Hash of everything our machine code is made from, or None where the sources cannot be read."""
    parts = [numba.__version__, llvmlite.__version__, sys.version, sys.platform]
    parts.append(os.environ.get("FASTMIX_VECTOR_BYTES"))  # read by kernels/lanes.py
    digest = hashlib.sha256(repr(parts).encode())
    sources = [*PACKAGE.glob("_*.py"), *(PACKAGE / "kernels").rglob("*.py")]
    try:
        for path in sorted(sources):
            name = path.relative_to(PACKAGE).as_posix()
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    except OSError:
        return None
    return digest.hexdigest()[:NAME_LENGTH]


# Now, and not when the first kernel is compiled: by then the files may be newer than what was imported.
_FINGERPRINT = _hash_sources()


def fingerprint():
    """Name of the folder of these sources, or None."""
    return _FINGERPRINT


def cache_dir():
    """Folder of the kernels of exactly these sources; None when caching is off."""
    off = not AVAILABLE or os.environ.get("FASTMIX_CACHE", "1") == "0"
    base = None if off else base_dir()
    return os.path.join(base, fingerprint()) if base and fingerprint() else None


def obstacle():
    """Why nothing can be kept in the folder of the cache, in a few words; None where something can.

    It is not made, and nothing in it is changed.
    """
    folder = pathlib.Path(cache_dir())
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        if (there == folder and not _trusted(folder)) or (
            there == folder.parent and not sound(there)
        ):
            return "others may write there"
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as error:
        return error.strerror


def base_dir():
    """The folder of all versions' folders, or None where the user has no home."""
    chosen = os.environ.get("FASTMIX_CACHE_DIR") or config.CACHE_DIR
    if chosen:
        return chosen
    windows, linux = os.environ.get("LOCALAPPDATA"), os.environ.get("XDG_CACHE_HOME")
    mac = os.path.expanduser("~/Library/Caches") if sys.platform == "darwin" else None
    folder = windows or linux or mac or os.path.expanduser("~/.cache")
    return None if folder.startswith("~") else os.path.join(folder, "fastmix")


def _private(folder):
    """Is this a real folder of the present user's that nobody else may write to?"""
    info = os.lstat(folder)
    if not stat.S_ISDIR(info.st_mode):
        return False
    return not hasattr(os, "getuid") or (
        info.st_uid == os.getuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def sound(base):
    """May a private folder lie here? In a folder of ours, or in a system folder like /tmp."""
    if not hasattr(os, "getuid"):
        return True
    info = os.stat(base)
    shared = info.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not info.st_mode & stat.S_ISVTX
    return info.st_uid in (0, os.getuid()) and not shared


def _trusted(folder):
    """May pickles in this folder be read?"""
    return _private(folder) and sound(os.path.dirname(folder))


def _create(folder):
    """Make `folder` for this user alone and drop neighbours that nobody has written to for a month."""
    base = os.path.dirname(folder)
    os.makedirs(base, mode=0o700, exist_ok=True)
    if not sound(base):
        return
    os.makedirs(folder, mode=0o700, exist_ok=True)  # another process may have been faster
    for other in folders(base):
        if _age(other) > KEEP_DAYS:
            shutil.rmtree(other, ignore_errors=True)


def folders(base):
    """The folders there that are named like ours, and are this user's alone."""
    found = []
    for name in sorted(os.listdir(base)):
        with suppress(FileNotFoundError):  # dropped by somebody else
            if FOLDER.fullmatch(name) and _private(os.path.join(base, name)):
                found.append(os.path.join(base, name))
    return found


def _sweep(folder):
    """Drop what processes have left behind that were killed while they wrote."""
    for name in os.listdir(folder):
        aside = os.path.join(folder, name)
        if name.endswith(ASIDE):
            with suppress(OSError):  # gone: renamed, or dropped by somebody else
                if _age(aside) > ASIDE_DAYS:
                    os.unlink(aside)


def _age(path):
    """Days since anybody has written to it."""
    return (time.time() - os.stat(path).st_mtime) / 86400


def closure(func):
    """What a closure was made with, as text: numbers, strings and other kernels, theirs included."""
    found = []
    for cell in func.__closure__ or ():
        value = cell.cell_contents
        inner = getattr(value, "py_func", None)
        if inner is not None:
            found.append((inner.__module__, inner.__qualname__, closure(inner)))
        elif isinstance(value, int | float | str):
            found.append(value)
        else:
            raise TypeError(f"kernel {func.__qualname__} closes over a {type(value).__name__}")
    return repr(found)


class Store(_Base):
    """The cache of one kernel: one self-checking file per specialisation, and no index."""

    lost = 0  # kernels of this process that could not be kept

    def __init__(self, func, flags):
        # the fingerprint covers our own sources only
        self._enabled = AVAILABLE and func.__module__.partition(".")[0] == __package__
        self._name = f"{func.__module__}.{func.__qualname__}".replace(".<locals>", "")
        self._salt = (func.__code__.co_firstlineno, closure(func), repr(flags), config.OPT)
        self._salt += (config.BOUNDSCHECK, config.LOOP_VECTORIZE, config.SLP_VECTORIZE)
        self._salt += (config.DEBUGINFO_DEFAULT,)

    @property
    def cache_path(self):
        return cache_dir() or ""

    def enable(self):
        self._enabled = True

    def disable(self):
        self._enabled = False

    def flush(self):
        pass

    def _path(self, folder, sig, target):
        key = repr((self._name, self._salt, str(sig), target.codegen().magic_tuple()))
        digest = hashlib.sha256(key.encode()).hexdigest()[:NAME_LENGTH]
        return os.path.join(folder, f"{self._name}-{digest}.bin")

    def load_overload(self, sig, target_context):
        """The compiled kernel for this signature, or None."""
        folder = cache_dir() if self._enabled else None
        if folder is None:
            return None
        try:
            if not _trusted(folder):
                return None
            # Kernels call Numba's runtime, and nothing else that refresh() imports for compiling
            rtsys.initialize(target_context)
            blob = pathlib.Path(self._path(folder, sig, target_context)).read_bytes()
            digest, data = blob[:DIGEST_BYTES], blob[DIGEST_BYTES:]
            if hashlib.sha256(data).digest() != digest:
                return None
            found = CompileResult._rebuild(target_context, *pickle.loads(data))
            with suppress(OSError):  # a file system may be read-only
                os.utime(folder)  # in use: not to be dropped
            return found
        except Exception:
            return None

    def save_overload(self, sig, compiled):
        """Keep a compiled kernel: written aside, then renamed, so that no reader sees half a file."""
        folder = cache_dir() if self._enabled else None
        if folder is None:
            return
        aside = None
        try:
            if compiled.lifted or compiled.library.has_dynamic_globals:
                return
            if not os.path.lexists(folder):
                _create(folder)
            if not _trusted(folder):
                return
            path = self._path(folder, sig, compiled.target_context)
            data = dumps(compiled._reduce())
            _sweep(folder)
            handle, aside = tempfile.mkstemp(dir=folder, suffix=ASIDE)
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(data).digest() + data)
            os.replace(aside, path)
        except Exception:
            Store.lost += 1
            if aside and os.path.exists(aside):
                os.unlink(aside)
