"""Processes that lack what others have: directories, streams, descriptors, threads, time, a quiet end."""

import os
import shutil
import stat
import sys

import pytest
import surroundings
from surroundings import cannot

pytestmark = pytest.mark.compiled
posix = pytest.mark.skipif(os.name != "posix", reason="what a process lacks is said as in POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux limits it, or mounts it")

# What a process does before it imports fastmix. (Numba cannot be imported where the directory is gone.)
ODD = {
    "standard input is closed": "os.close(0)",
    "standard error is closed": "os.close(2)",
    "the directory is gone": "import numba; os.chdir(tempfile.mkdtemp()); os.rmdir(os.getcwd())",
    "the clock is at its beginning": "time.time = lambda: 0.0",
    "the clock is a century ahead": "now = time.time(); time.time = lambda: now + 100 * 365 * 86400",
    "one CPU": "os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])",
    "few descriptors": "resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))",
    "files of 10 kB": "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))",
}
ONLY_LINUX = {"one CPU"}
SETTINGS = {
    "no TMPDIR": {"TMPDIR": "/nowhere/at/all"},
    "OpenMP has one thread": {"OMP_NUM_THREADS": 1, "OMP_THREAD_LIMIT": 1, "OMP_DYNAMIC": "true"},
    "OpenMP has 64 threads": {
        "OMP_NUM_THREADS": 64,
        "OMP_NESTED": "true",
        "OMP_SCHEDULE": "guided",
    },
    "Numba has one thread": {"NUMBA_NUM_THREADS": 1},
    "Numba has 64 threads": {"NUMBA_NUM_THREADS": 64},
    "another hash": {"PYTHONHASHSEED": 1},
    "no hash": {"PYTHONHASHSEED": 0},
}
FLAGS = {"development mode": ("-X", "dev"), "no assertions": ("-OO",), "alone": ("-s", "-P")}
PREPARE = (
    "import os, resource, sys, tempfile, time\n" if os.name == "posix" else "import os, time\n"
)
DIGEST = "from surroundings import digest\nprint(digest(), digest(64), file=out)\n"
# its standard output may be what is closed
PRINT = "out = os.fdopen(os.dup(1), 'w')\n"


@posix
def test_many_oddities_at_once_do_not_move_a_bit(warm):
    together = [
        name for name in ODD if name not in ("files of 10 kB", "the clock is at its beginning")
    ]
    odd = [ODD[name] for name in together if name not in ONLY_LINUX or sys.platform == "linux"]
    settings = SETTINGS["no TMPDIR"] | SETTINGS["Numba has 64 threads"] | SETTINGS["another hash"]
    code = "\n".join([PREPARE + PRINT, *odd, DIGEST])
    got = surroundings.run(
        code, flags=FLAGS["development mode"], FASTMIX_CACHE_DIR=warm.folder, **settings
    )
    assert got.split() == [warm.digest] * 2


@pytest.mark.nightly
@posix
@pytest.mark.parametrize("case", ODD)
def test_an_oddity_does_not_move_a_bit(warm, case):
    if case in ONLY_LINUX and sys.platform != "linux":
        pytest.skip("CPUs are chosen on Linux only")
    code = PREPARE + PRINT + ODD[case] + "\n" + DIGEST
    assert surroundings.run(code, FASTMIX_CACHE_DIR=warm.folder).split() == [warm.digest] * 2


@pytest.mark.nightly
@pytest.mark.parametrize("case", [*SETTINGS, *FLAGS])
def test_an_odd_setting_does_not_move_a_bit(warm, layer, case):
    code = PREPARE + PRINT + DIGEST
    settings = {"FASTMIX_CACHE_DIR": warm.folder, "NUMBA_THREADING_LAYER": layer}
    settings |= SETTINGS.get(case, {})
    got = surroundings.run(code, flags=FLAGS.get(case, ()), **settings)
    assert got.split() == [warm.digest] * 2


@posix
def test_a_fit_that_cannot_print_fails_or_is_silent_and_the_next_one_works(warm):
    code = """
import os, sys
from surroundings import digest, models, rows
out = os.fdopen(os.dup(1), "w")
ended = []
for close in ("os.close(1)", "sys.stdout = open(os.devnull); sys.stdout.close()", "sys.stdout = None"):
    exec(close)
    for model in models(rows()):
        before = dict(vars(model.set_params(verbose=1)))
        try:
            ended.append(hasattr(model.fit(rows()), "n_iter_"))
        except (OSError, ValueError):
            ended.append(vars(model) == before)
print(*ended, digest(), file=out)
out.close()
os._exit(0)  # Python fails to flush what is closed
"""
    got = surroundings.run(code, FASTMIX_CACHE_DIR=warm.folder)
    assert got.split() == ["True"] * 6 + [warm.digest]


# --- nothing can be written ------------------------------------------------------------------------


@posix
def test_a_read_only_package_and_no_writable_home(tmp_path):
    """As in a container, whose user may write nowhere."""
    package = surroundings.copy_package(tmp_path)
    places = [path for path in (package, *package.rglob("*")) if path.is_dir()]
    before = sorted(tmp_path.rglob("*"))
    for place in places:
        place.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        code = """
import os, sys
try:
    open(os.path.join(sys.argv[1], "fastmix", "planted"), "w")
except OSError:
    from surroundings import doubled
    from fastmix._cache import cache_dir
    print(*doubled(), os.path.exists(cache_dir()))
"""
        process = surroundings.start(
            *("-c", code, package),
            folder=package,
            before=cannot("dac_override"),
            **dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"), package / "fastmix"),
        )
        ended = surroundings.finish(process)
    finally:
        for place in places:
            place.chmod(0o700)
    if ended.out == "" and ended.status == 0:
        pytest.skip("this user may write everywhere")
    assert ended.out.split() == [str(2 / 3), "0", "False"], ended.err
    assert sorted(tmp_path.rglob("*")) == before


@linux
@pytest.mark.nightly
def test_a_full_disk_under_the_cache(tmp_path):
    """24 kB hold one kernel of three; the others are compiled, and nothing is left half-written."""
    package, cache = surroundings.copy_package(tmp_path / "package"), tmp_path / "cache"
    cache.mkdir(mode=0o700)
    mount = ("unshare", "--mount", "sh", "-c")
    script = 'mount -t tmpfs -o size=24k,mode=700 none "$0" && "$@"; status=$?; ls -Rs "$0" >&2; exit $status'
    before = (*mount, script, cache)
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    code = "from surroundings import doubled; print(*doubled())"
    process = surroundings.start("-c", code, folder=package, before=before, FASTMIX_CACHE_DIR=cache)
    ended = surroundings.finish(process)
    if "permission denied" in ended.err.lower() or "not permitted" in ended.err.lower():
        pytest.skip(f"this root may not mount: {ended.err}")
    assert ended.out.split() == [str(2 / 3), "0"], ended.err
    assert ended.err.count(".bin") == 1
    assert ".part" not in ended.err


# --- without compiler, without threads ---------------------------------------------------------------


def test_plain_python_finds_the_same_clusters_and_writes_nothing(warm, tmp_path):
    code = """
import numpy as np
from surroundings import models, rows
X = rows(40)
for model in models(X):
    model.fit(X)
    centers = model.cluster_centers_ if hasattr(model, "cluster_centers_") else model.means_
    print(*model.predict(X), *(f"{x:.9e}" for x in centers.ravel()))
"""
    compiled = surroundings.run(code, FASTMIX_CACHE_DIR=warm.folder)
    cache = tmp_path / "cache"
    assert surroundings.run(code, NUMBA_DISABLE_JIT=1, FASTMIX_CACHE_DIR=cache) == compiled
    assert not cache.exists()


@linux
@pytest.mark.nightly
@pytest.mark.parametrize("others", [0, 3, 4, 40])
def test_a_limit_on_threads_makes_fits_serial_or_is_wide_enough(warm, layer, tmp_path, others):
    """The limit counts a user's threads; root is exempt, so it becomes somebody who has no others."""
    shutil.copytree(warm.folder, tmp_path / "cache")
    code = f"""
import os, resource, subprocess, warnings
from pathlib import Path
from surroundings import digest
want = digest(1)
warnings.simplefilter("ignore", RuntimeWarning)
here = len(os.listdir("/proc/self/task"))
if os.getuid() == 0:
    for path in (Path("."), *Path(".").rglob("*")):
        os.chown(path, 54321, 54321)
    os.setgid(54321)
    os.setuid(54321)
else:
    listed = subprocess.check_output(["ps", "-o", "nlwp=", "-u", str(os.getuid())])
    here = sum(map(int, listed.split()))
resource.setrlimit(resource.RLIMIT_NPROC, (here + {others}, here + {others}))
print(digest(4) == want)
"""
    chdir = ("sh", "-c", 'cd "$0" && exec "$@"', tmp_path / "cache")
    settings = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": 4, "FASTMIX_CACHE_DIR": "."}
    ended = surroundings.finish(surroundings.start("-c", code, before=chdir, **settings))
    assert (ended.status, ended.out) == (0, "True"), ended.err


# --- the end of a process ---------------------------------------------------------------------------


def test_fits_in_an_exit_handler_and_in_a_daemon_thread_at_shutdown(warm, layer):
    code = """
import atexit, threading, time
from surroundings import digest
want = digest()
atexit.register(lambda: print(digest() == want, digest(1) == want, flush=True))
def fit():
    while True:
        digest()
for _ in range(3):
    threading.Thread(target=fit, daemon=True).start()
time.sleep(0.3)
print("end", flush=True)
"""
    settings = {"NUMBA_THREADING_LAYER": layer, "FASTMIX_CACHE_DIR": warm.folder}
    assert surroundings.run(code, 60, **settings).split() == ["end", "True", "True"]
