"""What a bug report needs: versions, the processor, threads and the cache."""

import json
import os
import platform
import warnings
from pathlib import Path
from typing import Any

LIBRARIES = (
    "numba",
    "llvmlite",
    "numpy",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "threadpoolctl",
)
# Of a threading layer: what several Python threads that call at once meet, and a forked child.
CALLERS = {
    "omp": "several Python threads may call at once",
    "tbb": "several Python threads may call at once",
    "workqueue": "one Python thread at a time has the threads, others compute on their own core; "
    "another library's parallel Numba kernel at the same moment ends the process",
}
CHILDREN = {
    "omp": "a forked child has one thread",
    "tbb": "a forked child has one thread",
    "workqueue": "forked children have threads",
}


def show_versions() -> None:
    """Print what a bug report needs: versions, the processor, threads and the cache of kernels.

    ``python -m fastmix info`` prints the same, and with ``--json`` as JSON.

    Notes
    -----
    It starts Numba's threading layer, if no fit has done so: which one is there, only that tells.

    Examples
    --------
    >>> import fastmix
    >>> fastmix.show_versions()  # doctest: +ELLIPSIS
    fastmix       ...
    python        ...
    """
    print(as_text(facts()))


def info(as_json: bool = False) -> None:
    """Print the facts for people, or for programs."""
    found = facts()
    print(json.dumps(found, indent=2) if as_json else as_text(found))


def facts() -> dict[str, Any]:
    """All that is printed, as JSON has it."""
    return {
        "versions": _versions(),
        "system": _system(),
        "threads": _threads(),
        "cache": _cache(),
        "pools": _pools(),
    }


def _versions() -> dict[str, str | None]:
    from importlib.metadata import PackageNotFoundError, version

    import fastmix

    found: dict[str, str | None] = {"fastmix": fastmix.__version__}
    found["python"] = platform.python_version()
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # unpacked somewhere, without its metadata
            found[name] = None
    return found


def _system() -> dict[str, Any]:
    from fastmix._numba import JIT
    from fastmix.kernels.lanes import VECTOR_BYTES, cpu_name

    return {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "compiled_for": cpu_name() if JIT else None,
        "vector_bits": 8 * VECTOR_BYTES,
        "cpus": os.cpu_count(),
    }


def _processor() -> str:
    """Name of the processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    told = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(told, "") or platform.processor() or "unknown"


def _threads() -> dict[str, Any]:
    from fastmix._numba import layer
    from fastmix._threads import ANY_WORK, threads

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        name = layer()
    known = name in CALLERS
    return {
        "threads": threads(None, ANY_WORK) if name else 1,
        "layer": name,
        "several_callers": name in ("omp", "tbb") if known else None,
        "threads_in_forked_children": name == "workqueue" if known else None,
        "obstacle": str(told[0].message) if told else None,
    }


def _cache() -> dict[str, Any]:
    from fastmix._cache import cache_dir, obstacle
    from fastmix._commands.cache import kept
    from fastmix._numba import loaded_and_compiled

    folder = cache_dir()
    hindrance = None if folder is None else obstacle()
    try:
        found = kept()
    except OSError:  # a folder that cannot be read: the hindrance tells
        found = []
    mine = [each for each in found if each.folder == folder]
    others = [each for each in found if each.folder != folder]
    loaded, compiled = loaded_and_compiled()
    return {
        "folder": folder,
        "obstacle": hindrance,
        "kernels": sum(len(each.files) for each in mine),
        "bytes": sum(each.size for each in mine),
        "hits": loaded,
        "compiled": compiled,
        "other_versions": len(others),
        "bytes_of_other_versions": sum(each.size for each in others),
    }


def _pools() -> list[dict[str, Any]]:
    """Thread pools of other libraries."""
    import sklearn.cluster  # noqa: F401, whose pools shall be there
    import threadpoolctl

    found = [
        {name: pool[name] for name in ("user_api", "prefix", "num_threads")}
        for pool in threadpoolctl.threadpool_info()
    ]
    return sorted(found, key=lambda pool: (pool["user_api"], str(pool["prefix"])))


def as_text(found: dict[str, Any]) -> str:
    """The facts, a line each."""
    system = found["system"]
    lines = [*found["versions"].items()]
    lines += [
        ("system", f"{system['platform']}, {system['cpus']} CPUs"),
        ("processor", system["processor"]),
        ("compiled for", _of_compiler(system)),
        ("threads", _of_threads(found["threads"])),
        *_of_cache(found["cache"]),
    ]
    lines += [
        ("pool", f"{pool['user_api']} {pool['prefix']}, {pool['num_threads']} threads")
        for pool in found["pools"]
    ]
    return "\n".join(f"{name:13} {value or 'unknown'}" for name, value in lines)


def _of_compiler(system: dict[str, Any]) -> str:
    if system["compiled_for"] is None:
        return "nothing: NUMBA_DISABLE_JIT is set, and all is plain Python"
    return f"{system['compiled_for']}, vectors of {system['vector_bits']} bits"


def _of_threads(its: dict[str, Any]) -> str:
    name = its["layer"]
    if name is None:
        return its["obstacle"] or "1: there is no threading layer, or this is a forked child"
    more = (CALLERS.get(name), CHILDREN.get(name), its["obstacle"])
    return "; ".join([f"{its['threads']} of the layer {name}", *filter(None, more)])


def _of_cache(its: dict[str, Any]) -> list[tuple[str, str]]:
    from fastmix._commands.cache import OFF
    from fastmix._commands.tables import byte_size

    if its["folder"] is None:
        lines = [("cache", OFF)]
    elif its["obstacle"]:
        hindered = (
            f"cannot be written ({its['obstacle']}): kernels that it has not are compiled anew"
        )
        lines = [("cache", f"{its['folder']} {hindered}")]
    else:
        lines = [("cache", its["folder"])]
    there = f"{its['kernels']} of {byte_size(its['bytes'])}"
    here = f"this process has loaded {its['hits']} and compiled {its['compiled']}"
    lines.append(("kernels", f"{there}; {here}"))
    if its["other_versions"]:
        size = byte_size(its["bytes_of_other_versions"])
        lines.append(("more kernels", f"{size} of {its['other_versions']} other versions"))
    return lines
