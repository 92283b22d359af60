"""Compare the working tree with a commit: `python -m gate main` in asv_benchmarks/, or `nox -s bench-compare`.

Ends with 0 where nothing is slower, 1 where something is, 2 where that could not be found out.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .commits import commit_of, unpack
from .measure import compare
from .report import report, summary
from .sides import CannotMeasure

ROOT = Path(__file__).parents[2]


def options(words):
    """What the command was told."""
    parser = argparse.ArgumentParser("python -m gate", description=__doc__)
    parser.add_argument("base", nargs="?", default="HEAD", help="commit to compare with (HEAD)")
    parser.add_argument(
        "--bench", default="", metavar="REGEX", help="only benchmarks whose names match"
    )
    return parser.parse_args(words)


def main(words=None, root=ROOT):
    """Compare, print, and return the status to end with."""
    told, began = options(words), time.perf_counter()
    try:
        commit = commit_of(root, told.base)
        print(f"the working tree against {told.base} ({commit[:10]})", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            unpack(root, commit, folder)
            trees = {"ours": root, "base": Path(folder)}
            findings = compare(trees, root / "asv_benchmarks", told.bench, _tell)
    except CannotMeasure as error:
        print(f"cannot compare: {error}", file=sys.stderr)
        return 2
    print(report(findings))
    print(f"{summary(findings)}\n{time.perf_counter() - began:.0f} seconds")
    return 1 if any(one.slower for one in findings) else 0


def _tell(line):
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
