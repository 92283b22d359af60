"""Seconds of every rival at one case, in turns, in this process."""

import gc
import time
import warnings

import numpy as np

from .judge import judge
from .machine import installed
from .rivals import load
from .task import CannotRun, task_of

BRIEF = 0.05  # seconds: shorter calls are repeated for so long
COLD = 1.0  # seconds: a call that is not counted wakes threads and CPUs for shorter ones
LONG = 3.0  # seconds: whatever a longer first call compiled, more calls are not needed to count
SLOW = 20.0  # seconds: a slower rival gets fewer rounds,
PATIENCE = 60.0  # so many seconds' worth of them,
ENDLESS = 120.0  # and a slower one than this none at all: its first call counts
SETTLE = 0.3  # seconds for a rival's threads to stop spinning before the next one's turn


def measure(case, names, threads, rounds, watch=lambda running, results: None, settle=SETTLE):
    """A record by rival: seconds, objective and n_iter, or the reason why there are none.

    `watch(running, results)` hears of every step before it is taken, to tell who ended the process.
    """
    warnings.simplefilter("ignore")  # stopping early is the point of most cases
    results = {}
    watch("the data", results)
    task = task_of(case, threads)
    jobs = {}
    for name in names:
        watch(name, results)
        try:
            jobs[name], results[name] = _first(name, task)
        except Exception as error:  # whatever a rival raises is its own result, not our end
            results[name] = {"reason": _reason(error)}
    times = {name: [] for name in jobs}
    wanted = {name: _rounds(results[name]["first"], rounds) for name in jobs}
    for turn in range(rounds):
        for name, job in jobs.items():
            if turn < wanted[name]:
                watch(name, results)
                times[name].append(_seconds(job.run, results[name]["warm"], settle))
    for name, taken in times.items():
        record = results[name]
        warm = record.pop("warm")
        record["rounds"] = taken or [warm]
        record["seconds"] = float(np.median(record["rounds"]))
    return results


def _first(name, task):
    """A rival's job and the beginning of its record, after a call or two that are not counted."""
    rival = load(name)
    if task.case.estimator not in rival.ESTIMATORS:
        raise CannotRun(f"has no {task.case.estimator}")
    if installed(rival.PACKAGE) is None:
        raise CannotRun("is not installed")
    job = rival.prepare(task)
    began = time.perf_counter()
    found = job.run()
    first = warm = time.perf_counter() - began
    answer = job.read(found)
    what, objective = judge(task, answer)
    if not np.isfinite(objective):
        raise CannotRun(f"ended with {what} {objective}")
    del found
    if first < LONG:  # the first call compiled, the second tells how often to repeat
        began = time.perf_counter()
        job.run()
        warm = time.perf_counter() - began
    record = {"first": first, "warm": warm, "measured": what, "objective": objective}
    record |= {"reported": answer.reported, "n_iter": answer.n_iter, "note": job.note}
    if answer.algorithm is not None and task.case.method == "fit":
        record |= {"algorithm": answer.algorithm, "skipped": answer.skipped}
    return job, record


def _rounds(first, rounds):
    """How many rounds a rival gets whose first call took so long."""
    if first < SLOW:
        return rounds
    return 0 if first > ENDLESS else min(rounds, max(1, int(PATIENCE / first)))


def _seconds(run, expected, settle):
    """Seconds of a call, the mean of several where one is brief."""
    gc.collect()
    time.sleep(settle)
    calls = max(1, min(1000, int(BRIEF / max(expected, 1e-6))))
    if expected < COLD:
        run()
    began = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - began) / calls


def _reason(error):
    """What went wrong, in one line."""
    if isinstance(error, CannotRun):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
