"""The commands: `python -m fastmix demo`, `info`, `bench`, `warmup` and `cache`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from fastmix._commands import CommandError
from fastmix.saving.headers import CLASSES

PROGRAM = "python -m fastmix"
DTYPES = ("float64", "float32")


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{PROGRAM}: {message} (see {self.prog} --help)\n")


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("it must not be empty")
    return Path(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _parser() -> Parser:
    parser = Parser(prog=PROGRAM, description="k-means and Gaussian mixtures, compiled.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, help: str, run: Callable[[argparse.Namespace], None]) -> Parser:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        return command

    demo = add("demo", "fit, compare and draw: figures of k-means and mixtures", _demo)
    _add_out(demo, "fastmix-demo", "the figures")
    demo.add_argument(
        "--no-compare", action="store_true", help="do not fit scikit-learn's models as well"
    )

    bench = add("bench", "is it faster than scikit-learn on this machine, and why?", _bench)
    bench.add_argument(
        "file",
        nargs="?",
        type=_path,
        metavar="FILE",
        help="your own rows: .csv, .tsv or .npy (default: generated rows, a photograph and digits)",
    )
    bench.add_argument("-k", type=_count, help="clusters to look for in FILE (default: 8)")
    bench.add_argument(
        "--columns", metavar="NAMES", help="columns of FILE, by name or number from 1 on: height,3"
    )
    _add_out(bench, "fastmix-bench", "bench.json, bench.md and bench.png")
    bench.add_argument("--json", action="store_true", help="print JSON in place of the table")

    warmup = add("warmup", "compile all kernels ahead: for images, CI, before joblib", _warmup)
    warmup.add_argument(
        "--dtypes", nargs="+", choices=DTYPES, default=DTYPES, help="of rows (default: both)"
    )
    warmup.add_argument(
        "--models",
        nargs="+",
        choices=CLASSES,
        default=CLASSES,
        metavar="MODEL",
        help=f"classes that will be used, of {', '.join(CLASSES)} (default: all)",
    )

    info = add("info", "versions, processor, threads and cache, for bug reports", _info)
    info.add_argument("--json", action="store_true", help="print JSON")

    cache = add("cache", "the kernels that are kept on disk", _cache)
    what = {
        "path": "print their folder",
        "clear": "delete them, those of other versions too, and nothing else",
    }
    actions = cache.add_subparsers(dest="action", required=True, metavar="|".join(what))
    for name, help in what.items():
        actions.add_parser(name, help=help, description=help)
    return parser


def _add_out(command: Parser, default: str, what: str) -> None:
    command.add_argument(
        "--out",
        type=_path,
        default=Path(default),
        metavar="DIR",
        help=f"folder for {what} (default: {default})",
    )


# --- what they need is imported when they run -------------------------------------------------------


def _demo(options: argparse.Namespace) -> None:
    from fastmix._commands.demo import demo

    demo(options.out, against=not options.no_compare)


def _bench(options: argparse.Namespace) -> None:
    from fastmix._commands.bench import bench

    bench(options.file, options.k, options.columns, options.out, as_json=options.json)


def _warmup(options: argparse.Namespace) -> None:
    from fastmix._commands.warmup import warmup

    warmup(options.dtypes, options.models)


def _info(options: argparse.Namespace) -> None:
    from fastmix._commands.info import info

    info(as_json=options.json)


def _cache(options: argparse.Namespace) -> None:
    from fastmix._commands import cache

    {"path": cache.path, "clear": cache.clear}[options.action]()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit status: 0 done, 1 failed, 2 not understood."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (CommandError, OSError) as error:
        print(f"{PROGRAM}: {_reason(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return 130
    return 0


def _reason(error: CommandError | OSError) -> str:
    """What went wrong with which file, in one line."""
    if not isinstance(error, OSError) or error.filename is None or error.strerror is None:
        return str(error)
    if isinstance(error, FileExistsError):
        return f"cannot write to {os.fspath(error.filename)!r}: it is a file, not a folder"
    return f"cannot write {os.fspath(error.filename)!r}: {error.strerror}"
