"""The only file that names Numba's flags and sets its threads.

`kernel` compiles a serial kernel. `parallel_kernel` compiles a kernel over one shard, and where threads
pay a driver that runs it on all shards; it decides at every call whether they do.
"""

import functools
import hashlib
import itertools
import os
import threading
import warnings
import weakref
from contextlib import contextmanager

import numba
import numpy as np
from llvmlite import ir
from numba import config, njit, prange, types
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from fastmix._cache import Store, closure
from fastmix._forks import layer as _layer
from fastmix._forks import threads_lost
from fastmix._limits import can_start
from fastmix._signals import undisturbed

__all__ = ["JIT", "drivers_too", "kernel", "layer", "loaded_and_compiled", "parallel_kernel"]

JIT = not config.DISABLE_JIT

# Fused multiply-add and nothing else: NaN, infinities and the order of additions keep their meaning.
EXACT = frozenset({"contract"})
# For kernels that do nothing but sum: a sum may also be split over vector lanes.
SUMS = EXACT | {"reassoc", "nsz", "arcp"}
# For kernels whose roundings are meant: every operation by itself.
STRICT = frozenset[str]()

COUNTER_WORDS = 8  # one cache line
SYMBOL_LENGTH = 12

_dispatchers = weakref.WeakSet()  # of all kernels of this process


def _jit(func, fastmath, parallel=False, inline=False):
    if JIT and func.__closure__:
        # Numba tells symbols of one name apart by a counter of this process, and the linker takes what
        # two processes have stored under one symbol for the same: what differs needs another name.
        made_with = repr((closure(func), sorted(fastmath), parallel)).encode()
        name = hashlib.sha256(made_with).hexdigest()[:SYMBOL_LENGTH]
        func.__qualname__ = f"{func.__qualname__}_{name}"
    flags = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": set(fastmath) or False,
        "parallel": parallel,
        "no_cfunc_wrapper": True,
        "inline": "always" if inline else "never",
    }
    compiled = njit(**flags)(func)
    if JIT:
        key = [(name, sorted(v) if isinstance(v, set) else v) for name, v in sorted(flags.items())]
        compiled._cache = Store(func, key)
        compiled._compile_for_args = undisturbed(compiled._compile_for_args)
        _dispatchers.add(compiled)
    return compiled


def kernel(func=None, *, sums=False, strict=False, inline=False):
    """Compile a serial kernel: called by other kernels, by drivers, and shard by shard by Python.

    With `inline` it is written into the kernels that call it, under their flags, and compiled by itself
    only for Python: a third of a first call's time went into kernels that do little but call others.
    """
    if func is None:
        return functools.partial(kernel, sums=sums, strict=strict, inline=inline)
    return _jit(func, SUMS if sums else STRICT if strict else EXACT, inline=inline)


@intrinsic
def next_shard(typing, counter):
    """The next number of a shared counter, an int64 array that began at zero."""

    def emit(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", data, ir.IntType(64)(1), "monotonic")

    return types.int64(counter), emit


# The workqueue layer bears one caller at a time.
_gate = threading.Lock()
_serial_only = threads_lost()  # True where threads are out of reach
_told = False  # has the user been warned of that?


def _in_child():
    global _gate, _serial_only
    _gate = threading.Lock()
    _serial_only = _serial_only or threads_lost()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _tell(reason, stacklevel):
    """Warn that there are no threads; once is enough."""
    global _told
    if not _told:
        _told = True
        warnings.warn(
            f"fastmix runs on one thread: {reason}", RuntimeWarning, stacklevel=stacklevel + 1
        )


def _start_layer():
    global _serial_only
    try:
        if not can_start(config.NUMBA_NUM_THREADS):
            raise ValueError(_refused(config.NUMBA_NUM_THREADS))
        with global_compiler_lock:  # a fork waits
            numba.get_num_threads()  # its first call starts the layer
    except ValueError as error:
        _serial_only = True
        _tell(error, stacklevel=5)


def _ready(n_threads):
    """Is there a layer, and may it use so many threads?"""
    if _layer() is None:
        _start_layer()
    # workqueue starts all of them, again in every child
    most = config.NUMBA_NUM_THREADS if _layer() == "workqueue" else n_threads
    if _serial_only or can_start(most):
        return not _serial_only
    _tell(_refused(most), stacklevel=4)
    return False


def _refused(n_threads):
    return f"{n_threads} threads cannot be started."


def _driver(block):
    def drive(workers, counter, done, bounds, args):
        for _ in prange(workers):
            shard = next_shard(counter)
            while shard < bounds.size - 1:
                block(shard, bounds[shard], bounds[shard + 1], *args)
                next_shard(done)
                shard = next_shard(counter)

    drive.__module__, drive.__qualname__ = block.__module__, f"{block.__qualname__}.drive"
    return _jit(drive, EXACT, True)


class parallel_kernel:
    """A kernel over one shard, `f(shard, start, stop, *args)`, run on all shards by `f(n_threads, bounds, *args)`.

    Here is the only prange loop of the package. It runs over workers, each of which takes shards from
    a counter until none is left. A shard writes only its own slot or its own rows, so the results
    cannot tell who did it. One thread means no threads at all: Python goes through the shards, and the
    driver, which takes longer to compile than most kernels, is not needed.

    A kernel raises nothing but MemoryError, where its scratch cannot be had. Numba loses that in a
    thread, and makes a SystemError of it in the caller's: so the shards that were finished are counted.
    """

    def __init__(self, func):
        functools.update_wrapper(self, func)
        self.block = kernel(func)
        self.driver = _driver(self.block)

    def __call__(self, n_threads, bounds, *args):
        if _drivers_too:
            self._compile(bounds, args)
            return self._alone(bounds, args)
        n_threads = min(n_threads, config.NUMBA_NUM_THREADS)
        if n_threads < 2 or not JIT or _serial_only or not _ready(n_threads):
            return self._alone(bounds, args)
        if _layer() != "workqueue":
            return self._together(n_threads, bounds, args)
        if not _gate.acquire(blocking=False):  # another Python thread has the workers
            return self._alone(bounds, args)
        try:
            return self._together(n_threads, bounds, args)
        finally:
            _gate.release()

    def _alone(self, bounds, args):
        """One shard after the other."""
        limits = bounds.tolist()
        for shard, (start, stop) in enumerate(itertools.pairwise(limits)):
            self.block(shard, start, stop, *args)

    def _compile(self, bounds, args):
        """Have the driver ready for such arguments; nothing runs."""
        counter, done = np.zeros((2, COUNTER_WORDS), np.int64)
        if JIT and not _serial_only and _ready(config.NUMBA_NUM_THREADS):
            self.driver._compile_for_args(1, counter, done, bounds, args)

    def _together(self, n_threads, bounds, args):
        counter, done = np.zeros((2, COUNTER_WORDS), np.int64)
        before = numba.get_num_threads()
        try:
            if n_threads != before:  # a call takes some microseconds
                numba.set_num_threads(n_threads)
            self.driver(n_threads, counter, done, bounds, args)
        except SystemError as error:
            if not isinstance(error.__cause__, MemoryError):
                raise
            raise MemoryError(f"no memory for {self.__qualname__}") from None
        finally:
            if n_threads != before:
                numba.set_num_threads(before)
        if done[0] < len(bounds) - 1:
            raise MemoryError(f"no memory for {self.__qualname__} in a thread")


_drivers_too = False  # does every call of a parallel kernel compile its driver?


@contextmanager
def drivers_too():
    """Within, every call of a parallel kernel compiles its driver, and runs without."""
    global _drivers_too
    _drivers_too = True
    try:
        yield
    finally:
        _drivers_too = False


def loaded_and_compiled():
    """How many kernels this process has found in the cache, and how many it has compiled."""
    stats = [dispatcher.stats for dispatcher in list(_dispatchers)]
    loaded = sum(sum(each.cache_hits.values()) for each in stats)
    return loaded, sum(sum(each.cache_misses.values()) for each in stats)


def layer():
    """Name of the threading layer, which is started if it was not; None where kernels have no threads."""
    if not JIT or _serial_only or not _ready(config.NUMBA_NUM_THREADS):
        return None
    return _layer()
