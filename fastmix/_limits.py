"""How many threads this process may start: users and containers have limits that no library below us bears."""

import _thread
import math
import os
import threading
import time

__all__ = ["can_start"]


class _Seen(threading.local):
    """How many threads this Python thread was seen to be able to start, and how many not."""

    granted, refused = 1, math.inf


_seen = _Seen()


def _in_child():
    global _seen
    _seen = _Seen()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def can_start(n_threads):
    """May this Python thread have so many? Where it may not, OpenMP exits, TBB aborts and workqueue hangs."""
    if n_threads <= _seen.granted or n_threads >= _seen.refused:
        return n_threads <= _seen.granted
    enough, started = threading.Lock(), []

    def wait():
        started.append(threading.get_native_id())
        with enough:
            pass

    try:
        with enough:
            for _ in range(n_threads):
                _thread.start_new_thread(wait, ())
    except RuntimeError:
        _seen.refused = n_threads
        return False
    # One still on its way out counts. Linux, whose limits are met, keeps a folder until it is gone.
    while len(started) < n_threads or any(os.path.exists(f"/proc/self/task/{i}") for i in started):
        time.sleep(0)
    _seen.granted = n_threads
    return True
