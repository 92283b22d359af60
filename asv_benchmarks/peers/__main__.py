"""Measure fastmix against its rivals: `python -m peers` in asv_benchmarks/, or `nox -s peers`."""

import argparse
from pathlib import Path

from tqdm import tqdm

from . import readme, results
from .cases import CASES
from .figures import draw
from .machine import machine
from .measure import measure
from .process import in_process, peak_memory
from .rivals import ANCHOR, NAMES, OURS
from .tables import markdown

ROOT = Path(__file__).parents[2]


def options(words):
    """What the command was told."""
    parser = argparse.ArgumentParser("python -m peers", description=__doc__)
    parser.add_argument(
        "--cases",
        nargs="+",
        default=[""],
        metavar="TEXT",
        help="cases whose names have one of these texts",
    )
    parser.add_argument(
        "--rivals", nargs="+", choices=NAMES[1:], default=NAMES[1:], help="only these"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="so many, fewer where a rival is slow (5)"
    )
    parser.add_argument("--threads", type=int, default=2, help="CPUs for everybody (2)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few rows, in this process: it shows that all works, no speed",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder of the results (docs/performance; with --quick asv_benchmarks/results/quick)",
    )
    parser.add_argument("--list", action="store_true", help="list the cases and stop")
    parser.add_argument(
        "--draw", action="store_true", help="measure nothing, draw what peers.json holds"
    )
    parser.add_argument(
        "--readme", type=Path, metavar="FILE", help="measure nothing, write its block of figures"
    )
    told = parser.parse_args(words)
    if told.out is None:  # a quick run's seconds never stand beside measured ones
        told.out = ROOT / ("asv_benchmarks/results/quick" if told.quick else "docs/performance")
    return told


def main(words=None):
    """Measure, and write peers.json, peers.md and the figures."""
    told = options(words)
    chosen = [case for name, case in CASES.items() if any(text in name for text in told.cases)]
    file = told.out / "peers.json"
    if told.list:
        print("\n".join(case.name for case in chosen))
        return
    if told.readme:
        readme.write(results.read(file), told.readme)
        return
    if not told.draw:
        _measure(told, chosen, file)
    found = results.read(file)
    figures = draw(found, told.out)
    (told.out / "peers.md").write_text(markdown(found, figures), encoding="utf-8")
    print(f"{len(found['cases'])} cases and {len(figures)} figures are in {told.out}")


def _measure(told, chosen, file):
    """Measure case after case; each is written down at once."""
    if not chosen:
        raise SystemExit(f"no case has one of {told.cases} in its name; --list shows them")
    found, run = results.read(file), machine(told.threads)
    names = [OURS, *(name for name in NAMES if name in told.rivals)]
    with tqdm(chosen, disable=None) as bar:
        for case in bar:
            bar.set_description(case.name)
            threads = case.threads or told.threads
            memory = {}
            if told.quick:
                case = case.shrunk()
                rivals = measure(case, names, threads, told.rounds, settle=0)
            else:
                rivals = in_process(case, names, threads, told.rounds)
                if case.memory:
                    both = [name for name in (OURS, ANCHOR) if name in names]
                    memory = {name: peak_memory(case, name, threads) for name in both}
            results.add(found, run, case, rivals, memory)
            results.write(found, file, list(CASES))


if __name__ == "__main__":
    main()
