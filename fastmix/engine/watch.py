"""Who looks on while a loop iterates, and what is left of it when Ctrl-C ends it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastmix.engine.results import AnyRows, Array, read_how


class Watcher:
    """Is told of every iteration. This one does not care."""

    def begin(self) -> None:
        """An iteration begins."""

    def end(self, centers: Array) -> bool:
        """An iteration has moved the centers (k, d), of the frame, here: shall the loop stop?"""
        return False


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with the result of the last iteration that was finished before."""

    def __init__(self, found: Any, *args: object) -> None:
        super().__init__(*args)
        self.found = found


@contextmanager
def lasting(rows: AnyRows, finished: Callable[[], Any]) -> Iterator[None]:
    """Within, Ctrl-C leaves what is finished (None: nothing), if the rows are read anew in every pass."""
    try:
        yield
    except KeyboardInterrupt as error:
        found = finished() if read_how(rows) else None
        if found is None:
            raise
        raise Interrupted(found, *error.args) from None
