"""A fork may come at any moment: what Numba and LLVM have locked meanwhile is free again in the child.

A child has the locks of its parent, but of the parent's threads only the one that forked: a lock that
another one holds stays locked for ever. So a fork waits for these locks. Threads of a layer that was
started above the fork are out of the child's reach.

Numba may be imported later than this, and by others: each fork looks for what there is of it.
"""

import multiprocessing
import os
import sys
from contextlib import suppress

from fastmix._loading import loading

__all__ = ["layer", "threads_lost"]

# Layers whose threads are out of reach below a fork. GNU OpenMP cannot be entered again; TBB can, but
# not if some of its threads were at work when the process forked, and then a child may wait for ever.
_ABOVE_FORKS = ("omp", "tbb")


def layer():
    """Name of Numba's threading layer, whoever has started it; None before that."""
    try:
        return sys.modules["numba"].threading_layer()
    except (AttributeError, KeyError, ValueError):  # half imported, not imported, not started
        return None


# At import: were they started above the fork that made us?
_lost = layer() in _ABOVE_FORKS and multiprocessing.parent_process() is not None


def threads_lost():
    """Are there threads above a fork that made this process?"""
    return _lost


def _locks():
    """In the order in which Numba takes them, as far as they are there; two are private names.

    Each is looked for when those before it are held: an import, for whose end the fork has waited, has
    brought the others.
    """
    yield loading
    for module, *names in (
        # held by whoever compiles, loads machine code or starts a threading layer
        ("numba.core.compiler_lock", "global_compiler_lock"),
        # taken at every look at a thread mask
        ("numba.np.ufunc.parallel", "_backend_init_thread_lock"),
        # also taken by garbage collection, in any thread
        ("llvmlite.binding.ffi", "lib", "_lock"),
    ):
        its = sys.modules.get(module)
        for name in names:
            its = getattr(its, name, None)
        if its is not None:
            yield its


def _before():
    for lock in _locks():
        lock.__enter__()


def _after():
    for lock in reversed([*_locks()]):
        with suppress(RuntimeError):  # Ctrl-C has ended the wait
            lock.__exit__(None, None, None)


def _in_child():
    global _lost
    _after()
    _lost = _lost or layer() in _ABOVE_FORKS
    # This one is shared with the parent, and with all of its children: one that is killed while
    # it holds the lock, or is forked while another thread does, would keep it from them for ever.
    layers = sys.modules.get("numba.np.ufunc.parallel")
    if hasattr(layers, "_backend_init_process_lock"):
        layers._backend_init_process_lock = None  # Numba makes another one


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_child)
