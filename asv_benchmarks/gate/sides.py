"""The two sides of a comparison, a long-lived process each; the one that is not asked sleeps."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

GATE = Path(__file__).parents[1]  # where `python -m gate.worker` runs
PATIENCE = 600  # seconds for one answer: a first call compiles
# Threads that wait must not take CPUs from the other side; BLAS is no part of what is compared.
QUIET = {
    "OMP_WAIT_POLICY": "passive",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


class CannotMeasure(Exception):
    """There is no comparison, and why."""


class Side:
    """A worker whose fastmix is that of a tree; `folder` holds the package of benchmarks."""

    def __init__(self, name, tree, folder):
        self.name, self.tree, self.folder = name, tree, folder

    def __enter__(self):
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gate.worker", str(self.tree), str(self.folder)],
            cwd=GATE,
            env=os.environ | QUIET | {"PYTHONPATH": str(self.tree)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
        )
        return self

    def __exit__(self, *error):
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def ask(self, do, **words):
        """The worker's answer; CannotMeasure where it has died, or thinks for too long."""
        clock = threading.Timer(PATIENCE, self._process.kill)
        clock.start()
        try:
            self._process.stdin.write(json.dumps({"do": do} | words) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        finally:
            clock.cancel()
        if not line:
            raise CannotMeasure(
                f"{self.name} ended at {words.get('name', do)}: {self._last_words()}"
            )
        return json.loads(line)

    def _last_words(self):
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()
        return said[-1] if said else f"status {self._process.returncode}"
