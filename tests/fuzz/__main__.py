"""Hostile inputs without end: `nox -s fuzz -- --minutes 10`.

The inputs are drawn and tried in a process of its own, by hypothesis, anew in every run. This one
watches it, and tells of a crash, of an input that takes too long, and of the smallest inputs that fail.
"""

import argparse
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

POLL = 0.5  # seconds


def watch(process, note, deadline):
    """What is wrong with a worker in the end, or None; it writes every input into a file first."""
    while process.poll() is None:
        time.sleep(POLL)
        if note.exists() and time.time() - note.stat().st_mtime > deadline:
            process.kill()
            return f"an input takes more than {deadline} seconds:\n{note.read_text()}"
    if process.returncode < 0:
        return f"killed by signal {-process.returncode} at\n{note.read_text()}"
    return f"exit status {process.returncode}" if process.returncode else None


def main():
    parser = argparse.ArgumentParser(prog="nox -s fuzz --", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5, help="how long (5)")
    parser.add_argument(
        "--deadline", type=float, default=120, help="seconds an input may take (120)"
    )
    parser.add_argument("--models", nargs="+", default=[], help="classes to try (all)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="of the inputs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "input"
        print(f"--seed {options.seed} tries the same inputs", flush=True)
        arguments = [str(note), str(60 * options.minutes), str(options.seed), *options.models]
        process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "fuzz.worker", *arguments]
        )
        try:
            wrong = watch(process, note, options.deadline)
        finally:
            process.kill()
    if wrong:
        sys.exit(wrong)


if __name__ == "__main__":
    main()
