"""Is it faster than scikit-learn for these rows, on this machine, and why?"""

import json
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from fastmix._commands import CommandError
from fastmix._commands.bars import draw
from fastmix._commands.cases import Case, built_in, of_rows
from fastmix._commands.compare import HEAD, Line, cells, compare, twin
from fastmix._commands.info import facts
from fastmix._commands.rows import read
from fastmix._commands.tables import markdown, plain
from fastmix._numba import loaded_and_compiled, threads

ROUNDS, ENOUGH_SECONDS = 5, 3.0  # of a case: so many, fewer when they take long
CLUSTERS = 8  # of a file, unless somebody says how many
SMALL = 1e7  # n d k: so little work that a call's checks and copies count
SAME = 1.2  # ratios between this and its inverse are nothing to tell


class Measured(NamedTuple):
    """A case, and what came of it."""

    case: Case
    line: Line
    first_seconds: float  # of the first fit, which compiles or loads kernels
    why: str


def bench(
    file: Path | None, k: int | None, columns: str | None, out: Path, as_json: bool = False
) -> None:
    """Measure the built-in cases, or those of a file, print a table and draw it into `out`.

    Raises
    ------
    CommandError
        If the file cannot be understood, or no model can be fitted to it.
    OSError
        If `out` cannot be written.
    """
    if file is None and (k is not None or columns is not None):
        raise CommandError("-k and --columns need a FILE")
    cases = built_in() if file is None else _of_file(file, CLUSTERS if k is None else k, columns)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "bench.json").open("a"):  # rather fail now than after the work
        pass
    if not as_json:
        print("Measuring fastmix and scikit-learn in turns: about a minute.", flush=True)
    before = loaded_and_compiled()
    measured, failed = _measure(cases)
    if not measured:
        raise CommandError(failed[0])
    kernels = np.subtract(loaded_and_compiled(), before).tolist()
    machine = facts()
    report = _report(measured, failed, kernels, machine)
    (out / "bench.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (out / "bench.md").write_text(_page(measured, failed, kernels, machine), encoding="utf-8")
    lines = [(each.line, each.case.kind) for each in measured]
    draw(lines, _machine(machine)).savefig(out / "bench.png")
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        print(_text(measured, failed, kernels, machine))
        print(f"\nbench.json, bench.md and bench.png are in {out.resolve()}")


def _of_file(file: Path, k: int, columns: str | None) -> list[Case]:
    X = read(file, columns)
    if len(X) < k:
        raise CommandError(f"{file.name}: {k} clusters of {len(X)} rows; choose fewer with -k")
    return of_rows(X, k, file.stem)


def _measure(cases: list[Case]) -> tuple[list[Measured], list[str]]:
    """What came of the cases, and why some of them could not be fitted."""
    measured, failed = [], []
    with (
        tqdm(cases, disable=None, leave=False) as bar,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # both libraries say that they have not converged
        for case in bar:
            bar.set_description(case.name)
            try:
                measured.append(_one(case))
            except ValueError as error:
                failed.append(f"{case.name}: {str(error).splitlines()[0]}")
    return measured, failed


def _one(case: Case) -> Measured:
    name, verb, model, X = case
    began = time.perf_counter()
    model.fit(X)
    if verb == "predict":
        model.predict(X)
    first_seconds = time.perf_counter() - began
    peer = model.to_sklearn() if verb == "predict" else twin(model)
    line = compare(name, verb, model, peer, X, ROUNDS, ENOUGH_SECONDS)
    return Measured(case, line, first_seconds, why(case, line))


# --- reasons -----------------------------------------------------------------------------------------


def why(case: Case, line: Line) -> str:
    """What made the difference, in a sentence."""
    used = threads(case.model.n_threads, 3.0 * line.n * line.d * line.k)
    reasons = [*_passes(case, line), f"{used} thread{'s' if used > 1 else ''}"]
    if line.n * line.d * line.k < SMALL:
        reasons.append("so little work that what a call costs anyway, checks and copies, counts")
    return ", ".join(reasons)


def _passes(case: Case, line: Line) -> list[str]:
    """What the passes over the rows did."""
    model = case.model
    if case.verb == "predict":
        return [f"{1e9 * line.seconds / line.n:.1f} ns a row in one compiled pass"]
    if case.kind == "mixtures":
        each = 1e3 * line.seconds / max(1, model.n_iter_)
        return [f"{model.n_iter_} iterations of {each:.3g} ms, each one compiled pass"]
    best = next(record for record in model.init_results_ if record.best)
    told = [f"algorithm {best.algorithm}"]
    if best.skipped >= 0.005:
        told.append(f"{best.skipped:.0%} of the distances skipped")
    return [*told, f"{model.n_iter_} iterations"]


def verdict(lines: list[Line]) -> str:
    """The answer in a sentence."""
    ratios = [line.ratio for line in lines]
    faster = sum(ratio > SAME for ratio in ratios)
    slower = sum(ratio < 1 / SAME for ratio in ratios)
    told = [f"faster in {faster} of {len(lines)} cases"]
    if slower:
        told.append(f"slower in {slower}")
    if faster + slower < len(lines):
        told.append(f"about the same in {len(lines) - faster - slower}")
    return (
        f"{', '.join(told)}; from {min(ratios):.2g} to {max(ratios):.3g} times as fast, "
        f"{np.median(ratios):.3g} in the middle."
    )


# --- reports -----------------------------------------------------------------------------------------

LEGEND = (
    f"Seconds are medians of up to {ROUNDS} rounds in turns, once compiled. The objective is the inertia of k-means "
    "(less is better)\nor the mean log-likelihood of mixtures (more is better); both start by the same random_state."
)


def _machine(machine: dict[str, Any]) -> str:
    system, its, versions = machine["system"], machine["threads"], machine["versions"]
    return (
        f"{system['processor']}, {its['threads']} threads, vectors of {system['vector_bits']} bits; "
        f"fastmix {versions['fastmix']}, scikit-learn {versions['scikit-learn']}"
    )


def _first_calls(measured: list[Measured], kernels: list[int]) -> str:
    seconds = sum(each.first_seconds for each in measured)
    loaded, compiled = kernels
    return (
        f"The first calls took {seconds:.1f} s in all: {compiled} kernels were compiled and {loaded} loaded "
        "from the cache. `python -m fastmix warmup` compiles all of them ahead."
    )


def _text(
    measured: list[Measured], failed: list[str], kernels: list[int], machine: dict[str, Any]
) -> str:
    lines = [each.line for each in measured]
    reasons = [f"  {each.line.name}: {each.why}" for each in measured]
    return "\n".join(
        [
            _machine(machine),
            "",
            plain(HEAD, map(cells, lines)),
            "",
            LEGEND,
            "",
            "Why:",
            *reasons,
            *(["", "Not fitted:", *(f"  {each}" for each in failed)] if failed else []),
            "",
            _first_calls(measured, kernels),
            f"fastmix is {verdict(lines)}",
        ]
    )


def _page(
    measured: list[Measured], failed: list[str], kernels: list[int], machine: dict[str, Any]
) -> str:
    lines = [each.line for each in measured]
    parts = [
        "# fastmix against scikit-learn on this machine",
        _machine(machine),
        f"fastmix is {verdict(lines)}",
        "![Bars: how many times as fast as scikit-learn](bench.png)",
        markdown(HEAD, map(cells, lines)).rstrip(),
        LEGEND,
        "\n".join(f"- {each.line.name}: {each.why}" for each in measured),
        *(["Not fitted:", "\n".join(f"- {each}" for each in failed)] if failed else []),
        _first_calls(measured, kernels),
    ]
    return "\n\n".join(parts) + "\n"


def _report(
    measured: list[Measured], failed: list[str], kernels: list[int], machine: dict[str, Any]
) -> dict[str, Any]:
    """The same for programs."""
    return {
        "machine": machine,
        "verdict": verdict([each.line for each in measured]),
        "kernels": {"loaded": kernels[0], "compiled": kernels[1]},
        "cases": [
            {
                "name": each.case.name,
                "verb": each.case.verb,
                "dtype": str(each.case.X.dtype),
                **each.line._asdict(),
                "ratio": each.line.ratio,
                "first_seconds": each.first_seconds,
                "why": each.why,
            }
            for each in measured
        ],
        "not_fitted": failed,
    }
