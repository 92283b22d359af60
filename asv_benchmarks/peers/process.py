"""Cases in processes of their own: whoever crashes or hangs there ends nobody else's turn."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .machine import confine, environment

FOLDER = Path(__file__).parents[1]
LIMIT = 1800  # seconds for one case
MEMORY_SHARE = 0.7  # of the machine: more is refused to the process, before the machine suffers


def survive(names, attempt):
    """Records of all rivals by `attempt(names) -> (records, culprit, reason)`.

    A culprit, if there is one, gets the reason as its record, and the others try again without it.
    """
    names, lost = list(names), {}
    while names:
        records, culprit, reason = attempt(names)
        if culprit is None:
            return records | lost
        if culprit not in names:  # nobody's turn yet: the data cannot be had
            return {name: {"reason": reason} for name in names} | lost
        lost[culprit] = {"reason": reason}
        names.remove(culprit)
    return lost


def in_process(case, names, threads, rounds):
    """Records of all rivals at a case, measured in a fresh process."""
    return survive(names, lambda names: _attempt("measure", case, threads, rounds, *names))


def peak_memory(case, name, threads):
    """Bytes that a fit needs beyond X and what the process had before it; None if it failed."""
    records, culprit, _ = _attempt("memory", case, threads, 1, name)
    return None if culprit else records[name]


def _attempt(job, case, threads, rounds, *names):
    """Run a job in a fresh process: (records, None, None), or (..., who was running, what happened)."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.json"
        words = [job, case.name, str(threads), str(rounds), str(file), *names]
        command = [sys.executable, "-m", "peers.process", *words]
        try:
            ended = subprocess.run(
                command,
                cwd=FOLDER,
                env=environment(threads),
                timeout=LIMIT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            reason = f"still running after {LIMIT} seconds"
        else:
            reason = _ending(ended)
        state = json.loads(file.read_text("utf-8")) if file.exists() else {"running": "the start"}
    if state["running"] is None:
        return state["records"], None, None
    return {}, state["running"], reason


def _ending(ended):
    """How a process ended, in one line."""
    last = (ended.stderr.strip().splitlines() or [""])[-1][:200]
    if ended.returncode < 0:
        return f"the process ended by {signal.Signals(-ended.returncode).name} {last}".strip()
    return last or f"the process ended with status {ended.returncode}"


def _main(job, name, threads, rounds, file, *names):
    """What the fresh process does."""
    threads, path = int(threads), Path(file)
    confine(threads)
    _limit_memory()
    # After the CPUs are chosen, which libraries count when they are imported
    from .cases import CASES
    from .measure import measure
    from .memory import peak_of_fit

    def note(running, records):
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps({"running": running, "records": records}), encoding="utf-8")
        draft.replace(path)  # never half a file

    case = CASES[name]
    if job == "measure":
        records = measure(case, names, threads, int(rounds), note)
    else:
        note(names[0], {})
        records = {names[0]: peak_of_fit(case, names[0], threads)}
    note(None, records)


def _limit_memory():
    try:
        import resource

        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        resource.setrlimit(resource.RLIMIT_DATA, (int(whole * MEMORY_SHARE),) * 2)
    except (ImportError, ValueError, OSError):  # where the system has no such limit
        pass


if __name__ == "__main__":
    _main(*sys.argv[1:])
