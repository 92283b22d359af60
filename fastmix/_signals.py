"""Signals wait while machine code is made: LLVM's objects do not bear an exception that comes half-way."""

import functools
import signal
import threading

__all__ = ["undisturbed"]


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
        try:
            for number in ours:
                signal.signal(number, lambda number, _: waiting.append(number))
            return func(*args, **kwargs)
        finally:
            for number in sorted(ours, reverse=True):  # Ctrl-C last: it may come at once
                signal.signal(number, handlers[number])
            for number in waiting:
                signal.raise_signal(number)

    return call
