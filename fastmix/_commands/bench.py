"""Is it faster than scikit-learn for these rows, on this machine, and why?"""

import json
import os
import time
import warnings
from pathlib import Path

from tqdm import tqdm

from fastmix._commands import CommandError
from fastmix._commands.bars import draw
from fastmix._commands.cases import Case, built_in, of_rows
from fastmix._commands.compare import compare, twin
from fastmix._commands.info import facts
from fastmix._commands.reasons import why
from fastmix._commands.report import Measured, Report
from fastmix._commands.rows import read
from fastmix._numba import loaded_and_compiled

ROUNDS, ENOUGH_SECONDS = 5, 3.0  # of a case: so many, fewer when they take long
CLUSTERS = 8  # of a file, unless somebody says how many


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
        print("Measuring fastmix and scikit-learn in turns: a minute, once compiled,", flush=True)
        print("if the machine has nothing else to do.\n", flush=True)
    report = measure(cases)
    text = json.dumps(report.as_json(), indent=2)
    (out / "bench.json").write_text(f"{text}\n", encoding="utf-8")
    (out / "bench.md").write_text(report.as_page(), encoding="utf-8")
    kinds = [each.case.kind for each in report.measured]
    draw(report.lines, kinds, report.machine).savefig(out / "bench.png")
    if as_json:
        print(text)
    else:
        print(f"{report.as_text()}\n\nbench.json, bench.md and bench.png are in {out.resolve()}")


def _of_file(file: Path, k: int, columns: str | None) -> list[Case]:
    X = read(file, columns)
    if len(X) < k:
        raise CommandError(f"{file.name}: {k} clusters of {len(X)} rows; choose fewer with -k")
    return of_rows(X, k, file.stem)


def measure(cases: list[Case]) -> Report:
    """All cases, one after the other.

    Raises
    ------
    CommandError
        If none of them can be fitted.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    before = loaded_and_compiled()
    measured, failed = [], []
    with tqdm(cases, disable=None, leave=False) as bar, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both libraries tell of fits that have not converged
        for case in bar:
            bar.set_description(case.name)
            try:
                measured.append(_one(case))
            except ValueError as error:  # a component has collapsed
                failed.append(f"{case.name}: {str(error).splitlines()[0]}")
    if not measured:
        raise CommandError(failed[0])
    loaded, compiled = loaded_and_compiled()
    return Report(measured, failed, loaded - before[0], compiled - before[1], load, facts())


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
