"""Signals wait while machine code is made: LLVM's objects do not bear an exception that comes half-way."""

import functools
import signal
import threading
from contextlib import ExitStack

__all__ = ["undisturbed"]


def _handle(handlers, waiting):
    with ExitStack() as stack:
        for number, frame in reversed(waiting):
            stack.callback(handlers[number], number, frame)


def undisturbed(func):
    """The same function, within which no handler of a signal runs; it does when the function has ended.

    Without this, Ctrl-C in a compilation can make llvmlite free an object twice, and crash the process.
    """

    @functools.wraps(func)
    def call(*args, **kwargs):
        if threading.current_thread() is not threading.main_thread():
            return func(*args, **kwargs)  # handlers run in the main thread only
        waiting = []
        handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        ours = [number for number, handler in handlers.items() if callable(handler)]
        with ExitStack() as stack:  # whatever one of them raises, all of them run
            stack.callback(_handle, handlers, waiting)
            for number in sorted(ours):  # Ctrl-C is put back last: it may come at once
                signal.signal(number, lambda *arrived: waiting.append(arrived))
                stack.callback(signal.signal, number, handlers[number])
            return func(*args, **kwargs)

    return call
