"""Tries hostile inputs until its time is over: `python -m fuzz.worker NOTE SECONDS [MODEL ...]`.

Every input is written into the file NOTE before it is tried.
"""

import secrets
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from fuzz.hostile import MODELS, cases, check
from hypothesis import HealthCheck, given, seed, settings

EXAMPLES = 200  # of one model in a row


def search(model, note, end, counts):
    """Try some inputs of a model; hypothesis raises what the smallest one that fails has raised."""

    @seed(secrets.randbits(64))
    @settings(
        max_examples=EXAMPLES,
        derandomize=False,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(model))
    def attempt(case):
        if time.monotonic() < end:
            note.write_text(repr(case))
            counts[check(case)] += 1

    attempt()


def main():
    note, seconds, *models = sys.argv[1:]
    end, counts, failed = time.monotonic() + float(seconds), Counter(), set()
    while time.monotonic() < end:
        for model in models or MODELS:
            try:
                search(model, Path(note), end, counts)
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                if (place.filename, place.lineno, model) not in failed:
                    failed.add((place.filename, place.lineno, model))
                    traceback.print_exc()
    tried = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
    print(f"{sum(counts.values())} inputs tried: {tried}; {len(failed)} kinds of failure")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
