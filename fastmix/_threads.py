"""How many threads pay, and how many there may be."""

import functools
import math
import os
import pathlib

from fastmix._forks import layer
from fastmix._loading import load

__all__ = ["ANY_WORK", "threads"]

# Work (floating-point operations) below which threads cost more than they bring: about 100 us,
# 1 ms on the workqueue layer, which wakes slowly.
THREAD_WORK = {"workqueue": 1e7}
DEFAULT_THREAD_WORK = 1e6

ANY_WORK = math.inf  # as much as there may be


@functools.cache
def _quota() -> float:
    """CPUs that the container may use, by its control group; infinite where nothing limits it."""
    for limit, period in (
        ("/sys/fs/cgroup/cpu.max", None),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
    ):
        try:
            words = pathlib.Path(limit).read_text().split()
            words += pathlib.Path(period).read_text().split() if period else []
            if words[0] not in ("max", "-1"):
                return max(1, math.ceil(int(words[0]) / int(words[1])))
        except (OSError, ValueError, IndexError):
            continue
    return math.inf


def threads(n_threads: int | None, work: float) -> int:
    """How many threads to use for `work` floating-point operations.

    None means every CPU that this process may use: affinity, container quota and NUMBA_NUM_THREADS.
    """
    if work < THREAD_WORK.get(layer(), DEFAULT_THREAD_WORK):
        return 1
    if n_threads is None:
        mask = (
            os.sched_getaffinity(0)
            if hasattr(os, "sched_getaffinity")
            else range(os.cpu_count() or 1)
        )
        n_threads = int(min(len(mask), _quota()))
    most: int = load("numba").config.NUMBA_NUM_THREADS
    return min(n_threads, most)
