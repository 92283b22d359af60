"""Signals that come while a kernel is compiled: their handlers run when it is done, and then as ever."""

import signal
import threading

import pytest
from numba.core import event

from fastmix._numba import kernel
from fastmix._signals import undisturbed

pytestmark = pytest.mark.compiled
OTHERS = signal.SIGTERM, signal.SIGABRT


class Sender(event.Listener):
    """Sends signals whenever Numba begins to compile."""

    def __init__(self, *numbers):
        self.numbers = numbers

    def on_start(self, event):
        for number in self.numbers:
            signal.raise_signal(number)

    def on_end(self, event):
        pass


def fresh():
    """A kernel that is not compiled."""

    def twice(x):
        return 2 * x

    return kernel(twice)


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises, as in any program started from a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_within_a_compilation_waits_for_its_end(ctrl_c):
    twice = fresh()
    with event.install_listener("numba:compile", Sender(signal.SIGINT)):
        with pytest.raises(KeyboardInterrupt):
            twice(21)
    assert len(twice.signatures) == 1
    assert twice(21) == 42
    assert signal.getsignal(signal.SIGINT) is ctrl_c


def test_ctrl_c_is_not_held_up_once_a_kernel_is_compiled(ctrl_c):
    twice = fresh()
    assert twice(21) == 42
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there is no such signal on this system")
def test_other_handlers_wait_too_and_may_compile():
    """LLVM cannot compile within a compilation."""
    got = []
    before = signal.signal(signal.SIGUSR1, lambda *_: got.append(fresh()(4)))
    twice, sender = fresh(), Sender(signal.SIGUSR1)
    try:
        with event.install_listener("numba:compile", sender):
            sender.on_end = lambda _: setattr(sender, "numbers", ())  # once
            assert twice(21) == 42
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert got == [8]


def test_a_handler_that_raises_keeps_no_other_signal_away(ctrl_c):
    heard = []
    before = [signal.signal(number, lambda n, _: heard.append(n)) for number in OTHERS]
    try:
        with pytest.raises(KeyboardInterrupt):
            undisturbed(lambda: [signal.raise_signal(n) for n in (signal.SIGINT, *OTHERS)])()
        assert heard == list(OTHERS)
    finally:
        for number, handler in zip(OTHERS, before, strict=True):
            signal.signal(number, handler)


def test_handlers_are_put_back_after_an_error(ctrl_c):
    @undisturbed
    def fail():
        raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        fail()
    assert signal.getsignal(signal.SIGINT) is ctrl_c


def test_what_the_user_ignores_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        undisturbed(signal.raise_signal)(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_handlers_alone(ctrl_c):
    seen = []
    look = undisturbed(lambda: seen.append(signal.getsignal(signal.SIGINT)))
    other = threading.Thread(target=look)
    other.start()
    other.join()
    look()
    assert seen[0] is ctrl_c
    assert seen[1] is not ctrl_c
