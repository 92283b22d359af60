"""Fresh Python processes and the jobs they do: a hang, an abort or a file is seen from outside only.

fastmix is imported by the jobs alone, so that a process may first prepare what it is to meet.
"""

import contextlib
import functools
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).parent
PACKAGE = Path(importlib.util.find_spec("fastmix").origin).parent


class Ended(NamedTuple):
    """What is left of a process."""

    status: int
    out: str
    err: str


def start(*arguments, folder=PACKAGE.parent, **environment):
    """A Python process that imports fastmix from `folder` and turns warnings into errors."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("FASTMIX_", "NUMBA_"))}
    settings |= {
        "NUMBA_NUM_THREADS": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join([str(folder), str(HERE), os.environ.get("PYTHONPATH", "")]),
    }
    settings |= {name: str(value) for name, value in environment.items()}
    # Python 3.12 and newer warn of every fork of a process that has threads
    flags = ("-X", "faulthandler", "-W", "error", "-W", "ignore::DeprecationWarning")
    return subprocess.Popen(
        [sys.executable, *flags, *map(str, arguments)],
        cwd=folder,
        env=settings,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process, seconds=120):
    """The end of a process; one that hangs is killed with all its children, and fails the test."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            process.send_signal(signal.SIGABRT)  # faulthandler tells where its threads are
            time.sleep(1)
        _kill(process)
        err = process.communicate()[1]
        raise AssertionError(f"still running after {seconds} seconds\n{err}") from None
    except BaseException:
        _kill(process)
        raise
    return Ended(process.returncode, out.strip(), err.strip())


def _kill(process):
    """Kill a process, and its children where they form a group with it."""
    if os.name != "posix":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run(code, seconds=120, **environment):
    """What a program prints on its way to a good end."""
    ended = finish(start("-c", code, **environment), seconds)
    assert ended.status == 0, f"exit status {ended.status}\n{ended.out}\n{ended.err}"
    return ended.out


INNER = """
from fastmix._numba import kernel

@kernel
def twice(x):
    return 2 * x
"""
OUTER = """
from fastmix._numba import parallel_kernel
from fastmix.kernels.inner import twice

@parallel_kernel
def double(shard, start, stop, x):
    for i in range(start, stop):
        x[i] = twice(x[i])
"""


def copy_package(folder):
    """Put a copy of the package there, for kernels alone: without its public names, with two small kernels."""
    there = folder / "fastmix"
    shutil.copytree(PACKAGE, there, ignore=shutil.ignore_patterns("__pycache__"))
    (there / "__init__.py").write_text("")
    (there / "kernels" / "inner.py").write_text(INNER)
    (there / "kernels" / "outer.py").write_text(OUTER)
    return folder


class Warm(NamedTuple):
    """A cache that holds the kernels of `digest`, and its answer."""

    folder: Path
    digest: str


@functools.cache
def warm(base):
    """One cache for all tests of a run, below its temporary folder: every kernel is compiled once."""
    folder = base / "warm-kernels"
    code = "from surroundings import digest; print(digest(1), digest(2))"
    serial, threaded = run(code, seconds=400, FASTMIX_CACHE_DIR=folder).split()
    assert serial == threaded
    return Warm(folder, serial)


@functools.cache
def why_not(layer):
    """Numba's reason not to load a threading layer; empty if it can be loaded."""
    code = "import numba\ntry: numba.get_num_threads()\nexcept ValueError as e: print(e)"
    return " ".join(run(code, NUMBA_THREADING_LAYER=layer).split())


# --- jobs ----------------------------------------------------------------------------------------


def rows(n=2_000, d=4, k=5):
    """Rows around k centers far apart."""
    return np.random.RandomState(0).normal(size=(n, d)) + 10.0 * (np.arange(n) % k)[:, None]


def models(X, n_threads=2):
    """A k-means and a mixture whose fits need few kernels: the starts are given."""
    from fastmix import GaussianMixture, KMeans

    k, d = 5, X.shape[1]
    weights, means, precisions = np.full(k, 1 / k), X[:k], np.tile(np.eye(d), (k, 1, 1))
    start = {"weights_init": weights, "means_init": means, "precisions_init": precisions}
    kmeans = KMeans(k, init=means, tol=0.0, n_threads=n_threads)
    return kmeans, GaussianMixture(k, n_threads=n_threads, **start)


def digest(n_threads=2, n=2_000, least_work=0):
    """Hash of every bit of a k-means and a mixture, with threads for all work beyond `least_work`."""
    from fastmix import _numba

    _numba.THREAD_WORK.clear()
    _numba.DEFAULT_THREAD_WORK = least_work
    X = rows(n)
    arrays = [
        value
        for model in models(X, n_threads)
        for name, value in sorted(vars(model.fit(X)).items())
        if name.endswith("_") and isinstance(value, np.ndarray)
    ]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:12]


def forked(job):
    """Exit status of a child by fork: 0 if the job is true there."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 2
    try:
        status = 0 if job() else 1
    finally:
        os._exit(status)


def doubled(dtype="f8"):
    """Twice a third, by a kernel planted into a copy of the package, and the kernel's cache hits."""
    from fastmix.kernels.outer import double

    x = np.full(2, 1 / 3, dtype)
    double(1, np.array([0, 1, 2]), x)
    return x[1].item(), sum(double.serial.stats.cache_hits.values())
