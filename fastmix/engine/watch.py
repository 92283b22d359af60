"""Who looks on while a loop iterates."""

from fastmix.engine.results import Array


class Watcher:
    """Is told of every iteration. This one does not care."""

    def begin(self) -> None:
        """An iteration begins."""

    def end(self, centers: Array) -> bool:
        """An iteration has moved the centers (k, d), of the frame, here: shall the loop stop?"""
        return False
