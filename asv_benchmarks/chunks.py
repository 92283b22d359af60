"""Rows on disk against rows in memory, and against those who fit them elsewhere: resident memory, and time.

    python asv_benchmarks/chunks.py make rows.npy 100000000
    python asv_benchmarks/chunks.py measure rows.npy

The second prints what fits take, in a process of their own each: a k-means and a diagonal mixture from a
given start, on the first million rows in memory and on all rows of the file, once it is in the page cache;
then, on the same file and from that start, a k-means until its centers rest, Dask-ML's k-means, where it is
installed, and the mini-batches of scikit-learn and fastmix, until they have seen as many rows as there are.
Error is the mean squared distance of the first million rows to their nearest centers.
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
FITS = {
    "k-means": ("memory", "disk"),
    "diagonal mixture": ("memory", "disk"),
    "k-means to its end": ("disk",),
    "Dask-ML's k-means": ("disk",),
    "scikit-learn's MiniBatchKMeans": ("disk",),
    "fastmix's MiniBatchKMeans": ("disk",),
}


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


def model(name, start):
    """The model, from its start."""
    if name == "diagonal mixture":
        from fastmix import GaussianMixture

        return GaussianMixture(
            K,
            covariance_type="diag",
            weights_init=np.full(K, 1 / K, np.float32),
            means_init=start,
            precisions_init=np.ones((K, D), np.float32),
            max_iter=PASSES,
            tol=0.0,
        )
    if name == "Dask-ML's k-means":
        from dask_ml.cluster import KMeans

        return KMeans(K, init=start, max_iter=PASSES, tol=0.0)
    if name == "scikit-learn's MiniBatchKMeans":
        from sklearn.cluster import MiniBatchKMeans

        return MiniBatchKMeans(K, init=start, n_init=1, max_iter=1, random_state=0)
    from fastmix import KMeans, MiniBatchKMeans

    if name == "fastmix's MiniBatchKMeans":
        return MiniBatchKMeans(K, init=start, n_init=1, max_iter=1, random_state=0)
    if name == "k-means to its end":
        return KMeans(K, init=start)
    return KMeans(K, init=start, max_iter=PASSES, tol=0.0)


def status(name):
    """Megabytes of a line of the account that the kernel keeps of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise KeyError(name)


def given(name, path, where):
    """The rows, as the model takes them."""
    if where == "memory":
        return np.array(np.load(path, mmap_mode="r")[:IN_MEMORY])
    if "Batch" in name:
        return np.load(path, mmap_mode="r")
    if "Dask" in name:
        import dask.array as da

        return da.from_array(np.load(path, mmap_mode="r"), chunks=(IN_MEMORY, D))
    return Path(path)


def warm_up(name, X, start):
    """Kernels and libraries are loaded, those for sources too."""
    if name in ("k-means", "k-means to its end", "diagonal mixture"):
        from fastmix.sources import Source

        model(name, start).fit(Source([X[:300_000]] * 3))
    some = X[:100_000]
    if "Dask" in name:
        import dask.array as da

        some = da.from_array(some, chunks=(50_000, D))
    model(name, start).fit(some)


def measure_one(path, name, where):
    """What one fit takes, as JSON."""
    warnings.simplefilter("ignore")
    rows = len(np.load(path, mmap_mode="r")) if where == "disk" else IN_MEMORY
    sample = np.array(np.load(path, mmap_mode="r")[:IN_MEMORY])
    start = sample[:: IN_MEMORY // K][:K].copy()
    warm_up(name, sample, start)
    seconds = []
    for _ in range(3 if where == "memory" else 1):
        data, fit = given(name, path, where), model(name, start).fit
        begin = time.perf_counter()
        fitted = fit(data)
        seconds.append(time.perf_counter() - begin)
    found = {
        "model": name,
        "where": where,
        "rows": rows,
        "seconds": round(min(seconds), 2),
        "peak MB": round(status("VmHWM")),
        "n_iter": int(fitted.n_iter_),
    }
    if fitted.n_iter_ == PASSES:
        found["ns a row and pass"] = round(1e9 * min(seconds) / rows / PASSES, 2)
    if hasattr(fitted, "cluster_centers_"):
        found["error"] = round(error(sample, np.asarray(fitted.cluster_centers_)), 4)
    report = getattr(fitted, "fit_report_", None)
    if report is not None:
        found["by phase"] = {key: round(v, 3) for key, v in report.seconds._asdict().items()}
        found["passes"] = report.passes
    return found


def error(X, centers):
    """Mean squared distance of rows to their nearest centers."""
    distances = [((X - center) ** 2).sum(axis=1, dtype=np.float64) for center in centers]
    return float(np.min(distances, axis=0).mean())


def measure(path):
    """Print all fits; what is not installed is left out."""
    for name, places in FITS.items():
        for where in places:
            command = [sys.executable, __file__, "one", path, name, where]
            done = subprocess.run(command, capture_output=True, text=True)
            last = done.stderr.strip().rpartition("\n")[2]
            if done.returncode and not last.startswith("ModuleNotFoundError"):
                raise SystemExit(f"{name}, {where}: {last or done.returncode}")
            print(done.stdout or f"{name}: {last}\n", end="", flush=True)


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
