"""The commands: `python -m fastmix demo`, `fit`, `predict`, `bench`, `warmup`, `info` and `cache`."""

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
ROWS = ".csv, .tsv, .npy or .parquet"


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


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _sizes(text: str) -> Sequence[int]:
    ends = text.split(":")
    if all(end.isdecimal() and int(end) for end in ends) and len(ends) <= 2:
        sizes = range(int(ends[0]), int(ends[-1]) + 1)
        if sizes:
            return sizes
    raise argparse.ArgumentTypeError(f"{text!r} is neither a number, as 5, nor a range, as 2:10")


def _kinds(text: str) -> Sequence[str]:
    return "all" if text == "all" else text.split(",")


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

    fit = add("fit", "fit a model to your own rows, or choose one; draw and save it", _fit)
    _add_rows(fit)
    fit.add_argument("--model", choices=("gmm", "kmeans"), default="gmm", help="(default: gmm)")
    fit.add_argument(
        "-k",
        type=_sizes,
        metavar="K|FROM:TO",
        help="clusters or components; of several the best is chosen (default: 1:10, kmeans 2:10)",
    )
    _add_columns(fit)
    fit.add_argument(
        "--standardize",
        action="store_true",
        help="give every column mean 0 and variance 1 first; the saved model does so too",
    )
    fit.add_argument(
        "--covariance-type",
        type=_kinds,
        metavar="TYPES",
        help="of a gmm: full, tied, diag, spherical, tied_diag or tied_spherical, some of them with "
        "commas between, or all (default: full for one K, else all)",
    )
    fit.add_argument(
        "--criterion",
        help="by which is chosen: bic, aic or icl; of kmeans calinski_harabasz, silhouette or bic "
        "(default: the first)",
    )
    fit.add_argument("--n-init", type=_count, default=3, help="starts of every fit (default: 3)")
    fit.add_argument("--seed", type=_number, default=0, help="of the starts (default: 0)")
    _add_labels(fit)
    fit.add_argument("--plot", type=_path, metavar="FILE", help="a figure: .png, .pdf or .svg")
    fit.add_argument("--save", type=_path, metavar="FILE", help="the model, for `predict` and load")
    fit.add_argument("--json", action="store_true", help="print JSON")

    predict = add("predict", "labels of new rows, from a model that `fit` has saved", _predict)
    predict.add_argument("model", type=_path, metavar="MODEL", help="what --save has written")
    _add_rows(predict)
    _add_columns(predict)
    _add_labels(predict, required=True)

    bench = add("bench", "is it faster than scikit-learn on this machine, and why?", _bench)
    bench.add_argument(
        "file",
        nargs="?",
        type=_path,
        metavar="FILE",
        help=f"your own rows: {ROWS} (default: generated rows, a photograph and digits)",
    )
    bench.add_argument("-k", type=_count, help="clusters to look for in FILE (default: 8)")
    _add_columns(bench)
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


def _add_rows(command: Parser) -> None:
    command.add_argument("file", type=_path, metavar="FILE", help=f"rows: {ROWS}")


def _add_columns(command: Parser) -> None:
    command.add_argument(
        "--columns", metavar="NAMES", help="columns of FILE, by name or number from 1 on: height,3"
    )


def _add_labels(command: Parser, required: bool = False) -> None:
    command.add_argument(
        "--labels",
        type=_path,
        required=required,
        metavar="FILE",
        help="the label of every row, of a gmm with its probability: .csv or .tsv",
    )


# --- what they need is imported when they run -------------------------------------------------------


def _demo(options: argparse.Namespace) -> None:
    from fastmix._commands.demo import demo

    demo(options.out, against=not options.no_compare)


def _fit(options: argparse.Namespace) -> None:
    from fastmix._commands.fit import Choice, Outputs, fit

    choice = Choice(
        model=options.model,
        sizes=options.k,
        covariance_types=options.covariance_type,
        criterion=options.criterion,
        n_init=options.n_init,
        seed=options.seed,
        standardize=options.standardize,
    )
    outputs = Outputs(options.labels, options.plot, options.save)
    fit(options.file, options.columns, choice, outputs, as_json=options.json)


def _predict(options: argparse.Namespace) -> None:
    from fastmix._commands.predict import predict

    predict(options.model, options.file, options.columns, options.labels)


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
