"""Where a command writes to: what is wrong with that is told before any work."""

from collections.abc import Sequence
from pathlib import Path

from fastmix._commands import CommandError


def check_folder(path: Path) -> None:
    """CommandError where there is no folder for a file."""
    if not path.parent.is_dir():
        raise CommandError(f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}")


def check_apart(inputs: Sequence[Path], outputs: Sequence[Path | None]) -> None:
    """CommandError where a file that is read, or written, would be written over."""
    taken = [(path, "read") for path in inputs]
    for path in filter(None, outputs):
        for other, use in taken:
            if _are_same(path, other):
                raise CommandError(
                    f"cannot write {str(path)!r}: that file is {use} by this command; name another one"
                )
        taken.append((path, "written"))


def _are_same(path: Path, other: Path) -> bool:
    """Do both lead to one file, under whatever names? Some systems do not tell small letters from great ones."""
    if path.exists() and other.exists():
        return path.samefile(other)
    return str(path.resolve()).casefold() == str(other.resolve()).casefold()
