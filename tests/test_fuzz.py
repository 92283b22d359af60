"""What `nox -s fuzz` does: it tries inputs, and sees from outside where one hangs or crashes."""

import os
import subprocess
import sys

import pytest
import surroundings
from fuzz.__main__ import watch


def worker(code, note):
    """A process that has written its input, and then does something else than to end well."""
    note.write_text("Case(...)")
    return subprocess.Popen([sys.executable, "-c", code])


def test_an_input_that_hangs_is_told_of_and_ended(tmp_path):
    note = tmp_path / "input"
    process = worker("import time; time.sleep(60)", note)
    assert watch(process, note, deadline=0.1) == "an input takes more than 0.1 seconds:\nCase(...)"
    assert process.wait(timeout=30) != 0


@pytest.mark.skipif(os.name != "posix", reason="a crash is no signal there")
def test_an_input_that_crashes_is_told_of(tmp_path):
    note = tmp_path / "input"
    process = worker("import os; os.abort()", note)
    assert watch(process, note, deadline=60) == "killed by signal 6 at\nCase(...)"


def test_a_failure_is_an_exit_status(tmp_path):
    note = tmp_path / "input"
    assert watch(worker("raise SystemExit(3)", note), note, deadline=60) == "exit status 3"
    assert watch(worker("", note), note, deadline=60) is None


@pytest.mark.compiled
def test_a_short_run_counts_its_inputs():
    cache = {k: v for k, v in os.environ.items() if k == "FASTMIX_CACHE_DIR"}
    process = surroundings.start(
        "-m", "fuzz", "--minutes", 0.01, "--seed", 0, "--models", "KMeans", **cache
    )
    ended = surroundings.finish(process, seconds=300)
    assert ended.status == 0, ended.err
    assert "inputs tried:" in ended.out
    assert "0 kinds of failure" in ended.out
