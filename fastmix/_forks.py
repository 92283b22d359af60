"""A fork may come at any moment: what Numba and LLVM have locked meanwhile is free again in the child.

A child has the locks of its parent, but of the parent's threads only the one that forked: a lock that
another one holds stays locked for ever. So a fork waits for these locks.
"""

import os
from contextlib import suppress

from llvmlite.binding import ffi
from numba.core.compiler_lock import global_compiler_lock
from numba.np.ufunc import parallel

__all__ = ["compiling"]

# Held by whoever compiles, loads machine code or starts a threading layer.
compiling = global_compiler_lock

# In the order in which Numba takes them; two are private names, and may be gone.
_LOCKS = [
    compiling,
    getattr(parallel, "_backend_init_thread_lock", None),  # taken at every look at a thread mask
    getattr(ffi.lib, "_lock", None),  # also taken by garbage collection, in any thread
]


def _before():
    for lock in filter(None, _LOCKS):
        lock.__enter__()


def _after():
    for lock in filter(None, reversed(_LOCKS)):
        with suppress(RuntimeError):  # Ctrl-C has ended the wait
            lock.__exit__(None, None, None)


def _in_child():
    _after()
    # This one is shared with the parent, and with all of its children: one that is killed while
    # it holds the lock, or is forked while another thread does, would keep it from them for ever.
    if hasattr(parallel, "_backend_init_process_lock"):
        parallel._backend_init_process_lock = None  # Numba makes another one


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_child)
