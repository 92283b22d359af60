"""Every way of checking fastmix, each in a virtual environment of its own.

`nox` runs the tests; `nox -l` lists the sessions; what follows `--` goes to the session's main command.
"""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["tests"]

MOST_PROCESSES = 4  # of the tests: each takes two threads and up to 3 GB
PROJECT = nox.project.load_toml("pyproject.toml")
PAGES = Path("docs/_build/html")


def set_up(session, *groups, exactly=()):
    """Install fastmix as a user would, with dependency groups; return a folder of the session's own.

    The compiled kernels go there too, so that no session leans on what an earlier one compiled.
    """
    session.install(".", *exactly, *nox.project.dependency_groups(PROJECT, *groups))
    folder = Path(session.create_tmp()).resolve()
    session.env.update(FASTMIX_CACHE_DIR=str(folder / "cache"), MPLBACKEND="Agg")
    return folder


@nox.session
def tests(session):
    """The tests, on compiled kernels, in several processes."""
    set_up(session, "test")
    # Threads that wait must not keep those of the other processes from working.
    session.env["OMP_WAIT_POLICY"] = "passive"
    processes = str(min(os.cpu_count() or 1, MOST_PROCESSES))
    session.run("pytest", "-n", processes, "--dist", "worksteal", *session.posargs)


@nox.session
def nojit(session):
    """The tests on plain Python, which is where coverage can look into kernels; it has a floor.

    What writes machine code runs only where there is a compiler: the tests that look at it are added.
    """
    set_up(session, "test")
    plain = {"NUMBA_DISABLE_JIT": "1"}
    session.run("pytest", *session.posargs, "--cov-fail-under=0", "--cov", env=plain)
    compiled = [
        "tests/kernels",
        "tests/test_cache.py",
        "tests/test_numba.py",
        "tests/test_signals.py",
    ]
    session.run("pytest", *compiled, "--cov-append", "--cov")  # last: it would take a path


@nox.session
def fuzz(session):
    """Hostile inputs, others in every run: `nox -s fuzz -- --minutes 10`."""
    set_up(session, "test")
    session.chdir("tests")
    session.run("python", "-m", "fuzz", *session.posargs)


@nox.session
def bounds(session):
    """Every index of a kernel checked; serial bodies only, because a prange loop loses errors."""
    set_up(session, "test")
    session.env.update(NUMBA_BOUNDSCHECK="1", NUMBA_NUM_THREADS="1")
    session.run("pytest", *(session.posargs or ["tests/kernels", "tests/engine"]))


@nox.session
def nightly(session):
    """What takes minutes: forks, signals and odd surroundings, often, on every threading layer there is."""
    set_up(session, "test")
    # A wheel of TBB lies where the loader does not look; where there is none its tests are skipped.
    session.install("tbb", success_codes=range(256))
    session.env["LD_LIBRARY_PATH"] = str(Path(session.virtualenv.location).resolve() / "lib")
    session.run("pytest", "-s", "-m", "nightly", *session.posargs)


@nox.session(python="3.11")
def oldest(session):
    """The tests on the lower bound of every dependency, read from pyproject.toml."""
    bounds = [text.replace(">=", "==") for text in PROJECT["project"]["dependencies"]]
    set_up(session, "test", exactly=bounds)
    # Old releases call what their newer neighbours have since deprecated: nothing we can mend.
    session.run("pytest", "-W", "ignore::DeprecationWarning", *session.posargs)


@nox.session
def lint(session):
    """Style, types, also those a user meets, layers, spelling, and no Numba flag outside fastmix/_numba.py."""
    folder = set_up(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    script = Path("tests/typed_script.py").resolve()
    # Away from the working tree: the installed package, as users have it.
    with session.chdir(folder):
        session.run("mypy", "--strict", "--config-file=", str(script))
    session.run("lint-imports")
    session.run("codespell")
    session.run("pytest", "--noconftest", "-k", "numba_flag", "tests/test_project.py")


@nox.session
def demo(session):
    """The demo of the README, from the installed package."""
    folder = set_up(session)
    session.chdir(folder)  # away from the working tree, which Python would import first
    session.run("python", "-m", "fastmix", "demo", "--out", "demo", *session.posargs)


def build_docs(session, *words):
    """Build the documentation, as fastmix draws it."""
    set_up(session, "docs")
    session.run("sphinx-build", "-W", "-E", "docs", str(PAGES), *words)


@nox.session
def docs(session):
    """The documentation, with figures that fastmix draws; warnings are errors."""
    build_docs(session, *session.posargs)


@nox.session(name="docs-check")
def docs_check(session):
    """The built documentation in Chromium: no errors, links that lead somewhere, a search that finds."""
    browsers = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    if not any(name and shutil.which(name) for name in browsers):
        session.skip("no Chromium was found: install it, or name it in the variable CHROMIUM")
    if not session.posargs and not (PAGES / "index.html").exists():
        build_docs(session)
    session.install(*nox.project.dependency_groups(PROJECT, "docs-check"))
    session.run("python", "docs/check.py", *session.posargs)


def set_up_asv(session):
    """Install fastmix and asv, and go where its configuration lies; return a folder of the session's own.

    asv keeps a description of the machine in the home folder, and asks for it where it is missing: it
    gets another home. pip, which asv runs, still finds what the user has set and what it has fetched.
    """
    folder = set_up(session, "bench")
    session.chdir("asv_benchmarks")
    home = Path.home()
    for name, usual in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache")):
        session.env.setdefault(name, os.environ.get(name) or str(home / usual))
    session.env.update(HOME=str(folder), USERPROFILE=str(folder))
    session.run("asv", "machine", "--yes")
    return folder


@nox.session
def bench(session):
    """Every benchmark once, on the working tree: they run, that is all. CONTRIBUTING.md has more."""
    set_up_asv(session)
    session.run("asv", "check", "-E", "existing")
    session.run("asv", "run", "-E", "existing", "--quick", "--show-stderr", *session.posargs)


@nox.session(name="bench-check")
def bench_check(session):
    """The benchmarks can be imported, and are what asv takes for benchmarks."""
    set_up_asv(session)
    session.run("asv", "check", "-E", "existing", *session.posargs)


@nox.session(name="bench-run")
def bench_run(session):
    """Measure the last commit, or those that are named, into asv_benchmarks/results."""
    set_up_asv(session)
    session.run("asv", "run", *(session.posargs or ["HEAD^!"]))


@nox.session(name="bench-continuous")
def bench_continuous(session):
    """asv's own comparison, of the last commit with its parent: `nox -s bench-continuous -- main HEAD`."""
    set_up_asv(session)
    session.run("asv", "continuous", *(session.posargs or ["HEAD"]))


@nox.session(name="bench-publish")
def bench_publish(session):
    """Pages of the results, into asv_benchmarks/html; where there are none, the last commit is measured."""
    set_up_asv(session)
    if not list(Path("results").glob("*/*-*.json")):  # machine.json lies there, too
        session.run("asv", "run", "--quick", "HEAD^!")
    session.run("asv", "publish", *session.posargs)


@nox.session(name="bench-compare")
def bench_compare(session):
    """Fail if the working tree is slower than a commit: `nox -s bench-compare -- main`."""
    set_up(session)
    session.chdir("asv_benchmarks")
    session.run("python", "-m", "gate", *session.posargs)


@nox.session
def peers(session):
    """fastmix against its rivals, into docs/performance; give it an idle machine and an hour or two.

    A rival that cannot be installed here is missing from the results, no more.
    """
    set_up(session)
    for rival in nox.project.dependency_groups(PROJECT, "peers"):
        session.install(rival, success_codes=range(256))
    session.chdir("asv_benchmarks")
    session.run("python", "-m", "peers", *session.posargs)
