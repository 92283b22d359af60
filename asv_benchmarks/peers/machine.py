"""Where figures come from: processor, threads, versions, date."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .rivals import NAMES, OURS

BENEATH = ("numpy", "scipy", "numba", "torch", "jax")
# They change which kernels OpenBLAS takes, and so scikit-learn's seconds.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM")


def machine(threads):
    """The machine, as it stands in the JSON."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: v for name in (*NAMES, *BENEATH) if (v := installed(name))},
    }


def installed(name):
    """The version of a package, None if there is none."""
    if name == OURS:  # it may be a working tree that was never installed
        import fastmix

        return fastmix.__version__
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def environment(threads):
    """The environment of a process that measures."""
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    return kept | {f"{name}_NUM_THREADS": str(threads) for name in THREADS}


def confine(threads):
    """Leave this process `threads` CPUs, for libraries that count CPUs and ask nobody."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _processor():
    """The processor's name, with its family and model where the name alone says little."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", text, re.MULTILINE))
    name = found.get("model name", platform.machine())
    if "cpu family" in found:
        name += f" (family {found['cpu family']}, model {found['model']})"
    return name
