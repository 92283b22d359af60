"""The kernels on disk: where they are, what they take, and how to be rid of them."""

import os
from contextlib import suppress
from typing import NamedTuple

from fastmix._cache import FILE, base_dir, cache_dir, folders, sound
from fastmix._commands import CommandError
from fastmix._commands.tables import byte_size

OFF = "off: kernels are compiled anew in every process"


class Kept(NamedTuple):
    """What we have written into a folder of kernels."""

    folder: str
    files: list[str]  # their paths
    size: int  # bytes


def kept() -> list[Kept]:
    """The folders of kernels of all versions, each with those of its files that are ours."""
    base = base_dir()
    if base is None or not os.path.isdir(base):
        return []
    found = []
    for folder in folders(base):
        files, size = [], 0
        for entry in os.scandir(folder):
            if FILE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):  # deleted by somebody else
                    size += entry.stat(follow_symlinks=False).st_size
                    files.append(entry.path)
        if files:
            found.append(Kept(folder, sorted(files), size))
    return found


def clear() -> None:
    """Delete the kernels of all versions, and nothing else, and print what was freed.

    A folder is ours if its name is 20 hexadecimal digits and it is this user's alone; a file in it, if it
    is named like a kernel. Links are not followed.

    Raises
    ------
    CommandError
        If there is no folder to look into, or others may write to it.
    OSError
        If a file cannot be deleted.
    """
    base = base_dir()
    if base is None:
        raise CommandError(
            "there is no cache: this user has no home, and FASTMIX_CACHE_DIR is unset"
        )
    found = kept()
    if found and not sound(base):
        raise CommandError(f"nothing is deleted in {base!r}, where others may write")
    for folder, files, _ in found:
        for path in files:
            with suppress(FileNotFoundError):
                os.unlink(path)
        with suppress(OSError):  # it holds what is not ours
            os.rmdir(folder)
    n_files = sum(len(each.files) for each in found)
    if n_files:
        print(f"freed {byte_size(sum(each.size for each in found))}: {n_files} kernels in {base}")
    else:
        print(f"there were no kernels in {base}")


def path() -> None:
    """Print the folder of the kernels of this version.

    Raises
    ------
    CommandError
        If the cache is off.
    """
    folder = cache_dir()
    if folder is None:
        raise CommandError(f"the cache is {OFF}")
    print(folder)
