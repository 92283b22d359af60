"""What no kernel test sees: the README's promises, the release's files, and where Numba's flags stand."""

import io
import os
import re
import runpy
import shutil
import subprocess
import tokenize
from pathlib import Path

import pytest

from fastmix._commands.compare import HEAD

ROOT = Path(__file__).parents[1]
INSTALL = "pip install . && python -m fastmix demo"
TEST = "pip install nox && nox -s tests"
COMPILERS = {"cfunc", "guvectorize", "jit", "njit", "prange", "stencil", "vectorize"}
FLAGS = ("boundscheck=", "cache=True", "error_model=", "fastmath=", "nogil=", "parallel=")


def blocks(language):
    """The code blocks of the README in that language."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)


def version():
    text = (ROOT / "fastmix" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


def test_readme_has_two_commands_to_set_up():
    assert blocks("bash") == [INSTALL, TEST]


def test_readme_shows_what_the_demo_measured():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"<!-- measured:start -->\n(.*?)<!-- measured:end -->", text, re.DOTALL)
    head, _, *lines = table.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, *lines)]
    assert tuple(cells[0]) == HEAD
    assert len(cells) == 8
    ratios = {row[0]: float(row[cells[0].index("ratio")]) for row in cells[1:]}
    assert min(ratios["china.jpg, k-means"], ratios["china.jpg, mixture"]) > 1


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="needs a POSIX shell")
def test_ci_runs_the_second_command_of_the_readme(tmp_path):
    """.ci/run is given a Python whose virtual environments hold nothing but a talking pip and nox."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("pip", "nox"):
        script(tools / name, f'echo "ran: {name} $*"')
    venv = (
        f"""[ "$1" = -m ] && mkdir -p "$3/bin" && echo 'PATH={tools}:$PATH' > "$3/bin/activate" """
    )
    python = script(tmp_path / "python", venv + "|| echo Python")
    run = subprocess.run(
        ["bash", ROOT / ".ci" / "run"],
        env=os.environ | {"PYTHON": str(python)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    ran = [
        line.removeprefix("ran: ") for line in run.stdout.splitlines() if line.startswith("ran: ")
    ]
    assert " && ".join(ran) == TEST


@pytest.mark.compiled
def test_example_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = blocks("python")
    exec(example, {})
    assert (tmp_path / "mixture.png").stat().st_size > 0


@pytest.mark.compiled
def test_the_script_that_lint_checks_types_of_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "tests" / "typed_script.py"), run_name="__main__")
    assert (tmp_path / "mixture.npz").exists()


def test_workflows_parse_and_use_the_commands_of_the_readme():
    yaml = pytest.importorskip("yaml")
    found = list((ROOT / ".github" / "workflows").glob("*.yml"))
    assert found
    jobs = [
        job for file in found for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values()
    ]
    commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    assert INSTALL in commands
    assert TEST in commands


def test_changelog_has_this_version():
    assert f"## [{version()}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def flags(text):
    """Numba's compilers, and the flags given to them, that the code of a source names."""
    kinds = (tokenize.NAME, tokenize.OP)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    words = [token.string for token in tokens if token.type in kinds]
    found = []
    for i, word in enumerate(words):
        given = "".join(words[i : i + 3])
        if word in COMPILERS or given.startswith(FLAGS):
            found.append(word)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@njit\ndef f(): pass", ["njit"]),
        ("@numba.njit(cache=True)\ndef f(): pass", ["njit", "cache"]),
        ("from numba import prange, jit", ["prange", "jit"]),
        ("f = kernel(g, fastmath=True)", ["fastmath"]),
        ("# njit(parallel=True)\n'fastmath=True'", []),
        ("@functools.cache\ndef f(): pass", []),
    ],
)
def test_numba_flag_is_seen_in_code_only(text, expected):
    assert flags(text) == expected


def test_numba_flags_stand_in_one_file():
    sources = [path for path in (ROOT / "fastmix").rglob("*.py") if path.name != "_numba.py"]
    assert len(sources) > 5
    found = {path.name: flags(path.read_text(encoding="utf-8")) for path in sources}
    assert {name: names for name, names in found.items() if names} == {}
