"""The package as it is in a commit, unpacked elsewhere; the repository is only read."""

import io
import subprocess
import tarfile

from .sides import CannotMeasure

PACKAGE = "fastmix"


def commit_of(root, name):
    """The full number of a commit, by any name that git knows."""
    return _git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").decode().strip()


def unpack(root, commit, folder):
    """Write the package of that commit below the folder."""
    packed = _git(root, "archive", "--format=tar", commit, PACKAGE)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")


def _git(root, *words):
    try:
        ran = subprocess.run(["git", "-C", str(root), *words], capture_output=True)
    except FileNotFoundError:
        raise CannotMeasure("git is not installed") from None
    if ran.returncode:
        said = ran.stderr.decode(errors="replace").strip() or f"no commit is called {words[-1]!r}"
        raise CannotMeasure(f"git {words[0]}: {said}")
    return ran.stdout
