"""Tries hostile inputs until its time is over: `python -m fuzz.worker NOTE SECONDS SEED [MODEL ...]`.

Every input is written into the file NOTE before it is tried.
"""

import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from fuzz.hostile import MODELS, cases, check
from hypothesis import HealthCheck, given, seed, settings

EXAMPLES = 20  # of one model in a row; the time is looked at between


def search(model, note, seed_of_inputs, counts):
    """Try some inputs of a model; hypothesis raises what the smallest one that fails has raised."""

    @seed(seed_of_inputs)
    @settings(
        max_examples=EXAMPLES,
        derandomize=False,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(model))
    def attempt(case):
        note.write_text(repr(case))
        counts[check(case)] += 1

    attempt()


def main():
    note, seconds, first, *models = sys.argv[1:]
    end, counts, failed = time.monotonic() + float(seconds), Counter(), set()
    seeds = random.Random(int(first))
    while time.monotonic() < end:
        for model in models or MODELS:
            try:
                search(model, Path(note), seeds.getrandbits(64), counts)
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
