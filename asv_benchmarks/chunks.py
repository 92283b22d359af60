"""Rows on disk against rows in memory: resident memory, and time a row and pass.

    python asv_benchmarks/chunks.py make rows.npy 100000000
    python asv_benchmarks/chunks.py measure rows.npy

The second prints what a k-means and a diagonal mixture from a given start take, in a process of their own
each: on the first million rows in memory, and on all rows of the file, once it is in the page cache.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

D, K, PASSES, IN_MEMORY = 8, 32, 4, 1_000_000
MODELS = ["k-means", "diagonal mixture"]


def make(path, n):
    """n x 8 rows of float32 around 32 centers."""
    random = np.random.default_rng(0)
    centers = random.normal(scale=3.0, size=(K, D)).astype(np.float32)
    X = np.lib.format.open_memmap(path, "w+", np.float32, (n, D))
    for first in range(0, n, IN_MEMORY):
        some = X[first : first + IN_MEMORY]
        labels = random.integers(K, size=len(some))
        some[:] = centers[labels] + random.standard_normal(size=some.shape, dtype=np.float32)
    X.flush()


def model(name, X):
    """The model, from its start."""
    from fastmix import GaussianMixture, KMeans

    start = np.array(X[:: IN_MEMORY // K][:K])
    if name == "k-means":
        return KMeans(K, init=start, max_iter=PASSES, tol=0.0)
    return GaussianMixture(
        K,
        covariance_type="diag",
        weights_init=np.full(K, 1 / K, np.float32),
        means_init=start,
        precisions_init=np.ones((K, D), np.float32),
        max_iter=PASSES,
        tol=0.0,
    )


def status(name):
    """Megabytes of a line of the account that the kernel keeps of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise KeyError(name)


def measure_one(path, name, where):
    """What one fit takes, as JSON."""
    warnings.simplefilter("ignore")
    X = np.load(path, mmap_mode="r")
    data = np.array(X[:IN_MEMORY]) if where == "memory" else Path(path)
    model(name, X).fit(np.array(X[:100_000]))  # kernels are loaded
    if where == "disk":
        from fastmix.sources import Source

        model(name, X).fit(Source([np.array(X[:300_000])] * 3))
    seconds = []
    for _ in range(3 if where == "memory" else 1):
        begin = time.perf_counter()
        fitted = model(name, X).fit(data)
        seconds.append(time.perf_counter() - begin)
    rows = IN_MEMORY if where == "memory" else len(X)
    report = fitted.fit_report_
    return {
        "model": name,
        "where": where,
        "rows": rows,
        "ns a row and pass": round(1e9 * min(seconds) / rows / PASSES, 2),
        "seconds": round(min(seconds), 2),
        "by phase": {key: round(v, 3) for key, v in report.seconds._asdict().items()},
        "passes": report.passes,
        "peak MB": round(status("VmHWM")),
    }


def measure(path):
    """Print all fits."""
    for name in MODELS:
        for where in ("memory", "disk"):
            command = [sys.executable, __file__, "one", path, name, where]
            print(
                subprocess.run(command, check=True, capture_output=True, text=True).stdout, end=""
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "measure", "one"])
    parser.add_argument("path")
    parser.add_argument("rest", nargs="*")
    args = parser.parse_args()
    if args.what == "make":
        make(args.path, int(args.rest[0]))
    elif args.what == "measure":
        measure(args.path)
    else:
        print(json.dumps(measure_one(args.path, *args.rest)))
