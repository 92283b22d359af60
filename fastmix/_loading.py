"""Numba is imported with the first kernel, not with fastmix: it takes longer than all the rest."""

import functools
import threading
from importlib import import_module
from types import ModuleType

from fastmix._signals import undisturbed

__all__ = ["load", "loading"]

loading = threading.RLock()  # held while Numba and the kernels are imported; a fork waits for it


@functools.cache
def load(name: str) -> ModuleType:
    """The module of this name, which may bring Numba along.

    A fork, a signal and other threads' first kernels wait until it is there: half a Numba cannot be used,
    and not be imported again.
    """
    with loading:
        module: ModuleType = undisturbed(import_module)(name)
    return module
