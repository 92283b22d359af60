"""fastmix against its own past: kernels, fits, seeding, predictions, memory and start-up.

A benchmark whose class says `gated` is one that `python -m gate` compares between two commits.
"""

import os
import re
import time

import numpy as np

# Each commit keeps its kernels to itself: a shared folder would hide what compiling them costs.
# Before fastmix is imported, which is why it stands here. asv sets neither in an existing environment.
if "ASV_ENV_DIR" in os.environ and "ASV_COMMIT" in os.environ:
    os.environ["FASTMIX_CACHE_DIR"] = os.path.join(
        os.environ["ASV_ENV_DIR"], "fastmix-cache", os.environ["ASV_COMMIT"]
    )

N_ITER = 10
THREADS = (1, 2, 4)
# One thread's work is told by the CPU time of its process, in which others have no part; Windows
# counts it in ticks of 16 ms.
CPU_TIME = time.perf_counter if os.name == "nt" else time.process_time


class Warm:
    """How asv measures one thread that setup has made compile: often and briefly, in two rounds."""

    timeout = 120
    timer = CPU_TIME
    warmup_time = 0.0
    sample_time = 0.05
    rounds = 2
    repeat = (3, 8, 3.0)


class Threaded(Warm):
    """The same with threads, whose time is that of the clock on the wall."""

    timer = time.perf_counter
    params = THREADS
    param_names = ["n_threads"]

    def setup(self, n_threads):
        if n_threads > (os.cpu_count() or 1):
            raise NotImplementedError  # asv leaves it out
        self.n_threads = n_threads


class Fresh:
    """How asv measures a new process: a few whole ones."""

    timeout = 300
    number = 1
    rounds = 1
    repeat = (1, 3, 20.0)
    warmup_time = 0.0


def sizes(shape):
    """The numbers n, d and k of a text such as "20000 x 8, k=10"."""
    n, d, k = map(int, re.findall(r"\d+", shape))
    return n, d, k


def problem(shape, dtype=np.float64):
    """One normal cloud (n, d), in which centers keep moving, and a start (k, d) out of it."""
    n, d, k = sizes(shape)
    X = np.random.default_rng(0).standard_normal((n, d)).astype(dtype)
    return X, X[:k].copy()


def least_seconds(call, times=5):
    """Seconds of the fastest of a few calls."""
    found = []
    for _ in range(times):
        began = CPU_TIME()
        call()
        found.append(CPU_TIME() - began)
    return min(found)
