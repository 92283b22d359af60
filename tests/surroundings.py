"""Fresh Python processes and the jobs they do: a hang, an abort or a file is seen from outside only.

fastmix is imported by the jobs alone, so that a process may first prepare what it is to meet.
"""

import contextlib
import functools
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).parent
PACKAGE = Path(importlib.util.find_spec("fastmix").origin).parent


class Ended(NamedTuple):
    """What is left of a process."""

    status: int
    out: str
    err: str


def start(*arguments, folder=PACKAGE.parent, flags=(), before=(), **environment):
    """A Python process that imports fastmix from `folder` and turns warnings into errors.

    `flags` are Python's, and `before` is a command that starts it.
    """
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("FASTMIX_", "NUMBA_"))}
    settings |= {
        "NUMBA_NUM_THREADS": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join([str(folder), str(HERE), os.environ.get("PYTHONPATH", "")]),
    }
    settings |= {name: str(value) for name, value in environment.items()}
    # Python 3.12 and newer warn of every fork of a process that has threads
    flags = ("-X", "faulthandler", "-W", "error", "-W", "ignore::DeprecationWarning", *flags)
    return subprocess.Popen(
        [*before, sys.executable, *flags, *map(str, arguments)],
        cwd=folder,
        env=settings,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process, seconds=120):
    """The end of a process; one that hangs is killed with all its children, and fails the test."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            process.send_signal(signal.SIGABRT)  # faulthandler tells where its threads are
            time.sleep(1)
        _kill(process)
        err = process.communicate()[1]
        raise AssertionError(f"still running after {seconds} seconds\n{err}") from None
    except BaseException:
        _kill(process)
        raise
    return Ended(process.returncode, out.strip(), err.strip())


def _kill(process):
    """Kill a process, and its children where they form a group with it."""
    if os.name != "posix":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run(code, seconds=120, **environment):
    """What a program prints on its way to a good end."""
    ended = finish(start("-c", code, **environment), seconds)
    assert ended.status == 0, f"exit status {ended.status}\n{ended.out}\n{ended.err}"
    return ended.out


INNER = """
from fastmix._numba import kernel

@kernel
def twice(x):
    return 2 * x
"""
OUTER = """
from fastmix._numba import parallel_kernel
from fastmix.kernels.inner import twice

@parallel_kernel
def double(shard, start, stop, x):
    for i in range(start, stop):
        x[i] = twice(x[i])
"""


def copy_package(folder):
    """Put a copy of the package there, for kernels alone: without its public names, with two small kernels."""
    there = folder / "fastmix"
    shutil.copytree(PACKAGE, there, ignore=shutil.ignore_patterns("__pycache__"))
    (there / "__init__.py").write_text("")
    (there / "kernels" / "inner.py").write_text(INNER)
    (there / "kernels" / "outer.py").write_text(OUTER)
    return folder


class Warm(NamedTuple):
    """A cache that holds the kernels of `digest`, and its answer."""

    folder: Path
    digest: str


def common(tmp_path_factory):
    """The temporary folder of a run of tests, one for all of its processes."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@functools.cache
def warm(base):
    """One cache for all tests of a run, below its temporary folder: every kernel is compiled once."""
    folder = base / "warm-kernels"
    code = "from surroundings import digest; print(digest(1), digest(2))"
    serial, threaded = run(code, seconds=400, FASTMIX_CACHE_DIR=folder).split()
    assert serial == threaded
    return Warm(folder, serial)


@functools.cache
def why_not(layer):
    """Numba's reason not to load a threading layer; empty if it can be loaded."""
    code = "import numba\ntry: numba.get_num_threads()\nexcept ValueError as e: print(e)"
    return " ".join(run(code, NUMBA_THREADING_LAYER=layer).split())


def cannot(*rights):
    """Command that starts a process without rights of root, named as Linux names them; empty for other users."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        return ()
    return ("setpriv", "--bounding-set", ",".join(f"-{right}" for right in rights))


# --- jobs ----------------------------------------------------------------------------------------


def rows(n=5_000, d=4, k=5):
    """Rows around k centers far apart."""
    return np.random.RandomState(0).normal(size=(n, d)) + 10.0 * (np.arange(n) % k)[:, None]


def models(X, n_threads=2):
    """A k-means and a mixture whose fits need few kernels: the starts are given."""
    from fastmix import GaussianMixture, KMeans

    k, d = 5, X.shape[1]
    weights, means, precisions = np.full(k, 1 / k), X[:k], np.tile(np.eye(d), (k, 1, 1))
    start = {"weights_init": weights, "means_init": means, "precisions_init": precisions}
    kmeans = KMeans(k, init=means, tol=0.0, n_threads=n_threads)
    return kmeans, GaussianMixture(k, n_threads=n_threads, **start)


def digest(n_threads=2, n=5_000, least_work=0):
    """Hash of every bit of a k-means and a mixture, with threads for all work beyond `least_work`."""
    from fastmix import _threads
    from fastmix.kernels import shards

    shards.WORK_A_SHARD = 1
    _threads.THREAD_WORK.clear()
    _threads.DEFAULT_THREAD_WORK = least_work
    X = rows(n)
    arrays = [
        value
        for model in models(X, n_threads)
        for name, value in sorted(vars(model.fit(X)).items())
        if name.endswith("_") and isinstance(value, np.ndarray)
    ]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:12]


def crowd(n):
    """The digest that n Python threads agree on, who fit and predict at once, three times each."""
    digest()  # from now on no work is too small for threads
    X, fitted = rows(), [model.fit(rows()) for model in models(rows())]
    want = [model.predict(X).tobytes() for model in fitted]

    def fit_and_predict(_):
        found = digest()
        return found if [model.predict(X).tobytes() for model in fitted] == want else "labels"

    with ThreadPoolExecutor(n) as pool:
        (found,) = set(pool.map(fit_and_predict, range(3 * n)))
    return found


def forked(job):
    """Exit status of a child by fork: 0 if the job is true there."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 2
    try:
        status = 0 if job() else 1
    finally:
        os._exit(status)


def doubled(dtype="f8"):
    """Twice a third, by a kernel planted into a copy of the package, and the kernel's cache hits."""
    from fastmix.kernels.outer import double

    x = np.full(2, 1 / 3, dtype)
    double(1, np.array([0, 1, 2]), x)
    return x[1].item(), sum(double.block.stats.cache_hits.values())


def in_step(folder, me, rounds):
    """What kernels give that two processes, 0 and 1, compile at once, and the cache hits; alone without a folder."""
    from fastmix._numba import kernel

    given, hits = [], 0
    for i in range(rounds):
        if folder:
            Path(folder, f"{i}-{me}").touch()
            deadline = time.monotonic() + 60
            while not Path(folder, f"{i}-{1 - me}").exists():
                assert time.monotonic() < deadline

        def times(x):
            return i * x  # noqa: B023, a constant of the kernel

        times.__module__ = "fastmix.kernels"
        compiled = kernel(times)
        given.append(compiled(1))
        hits += sum(compiled.stats.cache_hits.values())
    return [*given, hits]


@contextlib.contextmanager
def held(lock, seconds=1.0):
    """Another thread holds a lock for a while."""
    begun = threading.Event()

    def hold():
        with lock or contextlib.nullcontext():
            begun.set()
            time.sleep(seconds)

    other = threading.Thread(target=hold)
    other.start()
    assert begun.wait(60)
    yield
    other.join()


def compiled(number):
    """Does a kernel that nobody has compiled before add this number?"""
    from fastmix._numba import kernel

    def add(x):
        return x + number

    return kernel(add)(1) == 1 + number


class Stop(Exception):
    """Raised by a signal."""


def interrupted(rounds):
    """How many fits and compilations a signal has ended at any moment, and whether all later ones are right."""
    random, want, sound = np.random.RandomState(0), digest(), True

    def stop(*_):
        raise Stop

    signal.signal(signal.SIGALRM, stop)
    ended = {"fit": 0, "compile": 0}
    for i in range(rounds):
        kind = ("fit", "compile")[i % 2]
        begun = time.monotonic()
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0005, 0.06))
            while time.monotonic() < begun + 0.5:  # Python swallows what is raised in a finalizer
                sound &= digest() == want if kind == "fit" else compiled(i)
        except Stop:
            ended[kind] += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        sound &= digest() == want and compiled(i)
    return ended, sound


def within(rounds):
    """How often a signal's handler has fitted and compiled meanwhile, and whether all is right."""
    want, inner, outer, busy = digest(), [], [], []

    def fit(*_):
        if not busy:
            busy.append(True)
            inner.append(digest() == want and compiled(-1 - len(inner)))
            busy.clear()

    signal.signal(signal.SIGALRM, fit)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.05)
    for i in range(rounds):
        outer.append(digest() == want and compiled(i))
    signal.setitimer(signal.ITIMER_REAL, 0)
    return len(inner), all(inner) and all(outer)


def stress(forks):
    """Forks while threads fit, predict, compile and collect garbage; a fifth of the children is killed."""
    import faulthandler
    import gc

    random, want, X = np.random.RandomState(0), digest(), rows()
    fitted = [model.fit(X) for model in models(X)]
    labels = [model.predict(X).tobytes() for model in fitted]
    numbers, stop, count = iter(range(10**9)), threading.Event(), Counter()
    count.update(dict.fromkeys(("forked", "well", "killed", "wrong"), 0))

    def repeat(name, job):
        while not stop.is_set():
            try:
                count[name if job() else "wrong"] += 1
            except BaseException as error:
                count["wrong"] += 1
                print(repr(error), file=sys.stderr)

    def predict():
        return [model.predict(X).tobytes() for model in fitted] == labels

    jobs = [("fits", lambda: digest() == want)] * 2
    jobs += [("predictions", predict), ("compilations", lambda: compiled(next(numbers)))]
    jobs += [("collections", lambda: gc.collect() >= 0 and not time.sleep(0.05))]
    others = [threading.Thread(target=repeat, args=job) for job in jobs]
    for other in others:
        other.start()
    for i in range(forks):
        time.sleep(random.exponential(0.02))
        doomed = random.uniform() < 0.2
        child = os.fork()
        if not child:
            faulthandler.register(signal.SIGALRM, chain=True)  # tells where it hangs, and ends it
            signal.alarm(180)
            status = 2
            try:
                while doomed:  # until it is killed
                    digest()
                status = 0 if digest() == want and predict() and compiled(-1 - i) else 1
            finally:
                os._exit(status)
        count["forked"] += 1
        if doomed:
            time.sleep(random.uniform(0, 0.02))
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        kind = "well" if status == 0 else "killed" if doomed and status == -9 else "wrong"
        count[kind] += 1
    stop.set()
    for other in others:
        other.join()
    count["wrong"] += digest() != want
    return dict(count)


def first_regions(seed):
    """What three threads find that start the first parallel regions, and the ends of eight children meanwhile."""
    import fastmix  # noqa: F401, imported before it is forked

    random = np.random.RandomState(seed)
    with ThreadPoolExecutor(3) as pool:
        found = [pool.submit(digest) for _ in range(3)]
        statuses = []
        for _ in range(8):
            time.sleep(random.uniform(0, 0.1))
            statuses.append(forked(lambda: digest() == digest(1)))
        return [each.result() for each in found] + statuses


def beside_others(rounds):
    """Whether fastmix, scikit-learn and NumPy are right while each of them has its threads at work."""
    from sklearn.cluster import KMeans

    want, X = digest(), rows(20_000, 8)
    theirs = KMeans(5, init=X[:5], n_init=1, max_iter=5).fit(X).labels_
    product = X.T @ X

    def again(job):
        return all(job() for _ in range(rounds))

    jobs = {
        "fastmix": lambda: digest(4) == want,
        "scikit-learn": lambda: np.array_equal(
            KMeans(5, init=X[:5], n_init=1, max_iter=5).fit(X).labels_, theirs
        ),
        "NumPy": lambda: np.allclose(X.T @ X, product),
    }
    with ThreadPoolExecutor(6) as pool:
        found = [(name, pool.submit(again, job)) for name, job in [*jobs.items()] * 2]
        right = dict.fromkeys(jobs, True)
        for name, each in found:
            right[name] &= each.result()
    return right
