"""The commands: `python -m fastmix demo` and `python -m fastmix info`."""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

PROGRAM = "python -m fastmix"


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{PROGRAM}: {message} (see {self.prog} --help)\n")


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("it must name a folder")
    return Path(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit status: 0 done, 1 failed, 2 not understood."""
    parser = Parser(prog=PROGRAM, description="k-means and Gaussian mixtures, compiled.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo", help="fit, compare and draw: figures of k-means and mixtures"
    )
    demo.add_argument(
        "--out",
        type=_folder,
        default=Path("fastmix-demo"),
        metavar="DIR",
        help="folder for the figures (default: fastmix-demo)",
    )
    demo.add_argument(
        "--no-compare", action="store_true", help="do not fit scikit-learn's models as well"
    )
    commands.add_parser("info", help="versions, threads and cache, for bug reports")
    options = parser.parse_args(arguments)
    try:
        if options.command == "demo":
            from fastmix._demo import demo as run  # needs matplotlib and more

            run(options.out, compare=not options.no_compare)
        else:
            info()
    except OSError as error:
        print(f"{PROGRAM}: {_reason(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return 130
    return 0


def _reason(error: OSError) -> str:
    """What went wrong with which file, in one line."""
    if error.filename is None or error.strerror is None:
        return str(error)
    if isinstance(error, FileExistsError):
        return f"cannot write to {os.fspath(error.filename)!r}: it is a file, not a folder"
    return f"cannot write {os.fspath(error.filename)!r}: {error.strerror}"


def _state_of_cache() -> str:
    """Where kernels are kept, and whether they can be."""
    from fastmix._cache import cache_dir, obstacle

    folder = cache_dir()
    if folder is None:
        return "off: kernels are compiled anew in every process"
    hindered = obstacle()
    if hindered is None:
        return folder
    return f"{folder} cannot be written ({hindered}): kernels that it has not are compiled anew"


def info() -> None:
    """Print what a bug report needs."""
    import numba
    import numpy
    import scipy
    import sklearn
    import threadpoolctl

    import fastmix
    from fastmix._numba import ANY_WORK, threads

    versions = {
        "fastmix": fastmix.__version__,
        "python": platform.python_version(),
        **{m.__name__: m.__version__ for m in (numba, numpy, scipy, sklearn)},
    }
    print(*(f"{name:12} {version}" for name, version in versions.items()), sep="\n")
    print(f"{'machine':12} {platform.machine()} {platform.system()}, {os.cpu_count()} CPUs")
    print(f"{'threads':12} {threads(None, ANY_WORK)}")
    print(f"{'cache':12} {_state_of_cache()}")
    for pool in threadpoolctl.threadpool_info():
        print(f"{'pool':12} {pool['user_api']} {pool['prefix']}, {pool['num_threads']} threads")
