"""What `python -m fastmix` can do: one file for every command."""

__all__ = ["CommandError"]


class CommandError(Exception):
    """A command has failed, for the reason that is told in one line."""
