"""`warmup`: afterwards nobody compiles, whatever is fitted; and it fails where nothing can be kept."""

import re

import pytest
import surroundings
from usage import USES

from fastmix import _cli
from fastmix._commands import warmup
from fastmix._numba import JIT, drivers_too, parallel_kernel
from fastmix.kernels.simd_bytes import FAST
from fastmix.saving.headers import CLASSES


def warm(folder, dtypes, models, seconds):
    """What `warmup` prints in a process with an empty cache."""
    arguments = ["-m", "fastmix", "warmup", "--dtypes", *dtypes, "--models", *models]
    ended = surroundings.finish(surroundings.start(*arguments, FASTMIX_CACHE_DIR=folder), seconds)
    assert (ended.status, ended.err) == (0, "")
    return ended.out


def compiled_later(folder, dtype, models, seconds, **environment):
    """Kernels that another process still compiles when it uses the models."""
    arguments = ["-m", "usage", dtype, *models]
    environment["FASTMIX_CACHE_DIR"] = folder
    ended = surroundings.finish(surroundings.start(*arguments, **environment), seconds)
    assert ended.status == 0, ended.err
    *compiled, last = ended.out.splitlines()
    assert last.split()[0] == "True"  # kernels were loaded
    assert last.split()[1] != "None"  # and had threads
    return compiled


LLOYD = """
from functools import partial
from fastmix import _cli
from fastmix._commands import warmup
warmup.STEPS["KMeans"] = lambda dtype: [
    warmup.Step("lloyd", partial(warmup._algorithm, "lloyd", dtype))
]
for _ in range(2):
    status = _cli.main(["warmup", "--dtypes", "float64", "--models", "KMeans"])
raise SystemExit(status)
"""


@pytest.mark.compiled
def test_after_a_warmup_nothing_is_compiled(tmp_path):
    """Of one algorithm, whose kernels are few: all models are warmed nightly."""
    started = surroundings.start("-c", LLOYD, FASTMIX_CACHE_DIR=tmp_path)
    ended = surroundings.finish(started, 300)
    assert (ended.status, ended.err) == (0, "")
    counts = re.findall(r"(\d+) kernels compiled in \d+ s, (\d+) were there", ended.out)
    (kernels, there), again = counts
    assert int(kernels) > 20
    assert (int(there), again) == (0, ("0", "0"))  # what a process has, it does not load
    assert str(tmp_path) in ended.out
    assert len(list(tmp_path.rglob("*.bin"))) == int(kernels)
    assert compiled_later(tmp_path, "float64", ["Lloyd"], 200) == []


@pytest.mark.nightly
@pytest.mark.compiled
@pytest.mark.parametrize("name", USES)
def test_after_a_warmup_of_a_model_it_compiles_nothing(tmp_path, name):
    warm(tmp_path, ["float64"], [name], 1500)
    assert compiled_later(tmp_path, "float64", [name], 600) == []


KERNELS = """
import importlib, pkgutil, fastmix.kernels
from fastmix._numba import parallel_kernel
for _, name, _ in pkgutil.iter_modules(fastmix.kernels.__path__, "fastmix.kernels."):
    for value in vars(importlib.import_module(name)).values():
        for kernel in value if isinstance(value, tuple) else [value]:
            if isinstance(kernel, parallel_kernel):
                print(kernel.block._cache._name, kernel.driver._cache._name)
"""


@pytest.mark.nightly
@pytest.mark.compiled
@pytest.mark.parametrize("dtype", _cli.DTYPES)
def test_a_warmup_of_everything_compiles_every_kernel(tmp_path, dtype):
    """Every parallel kernel of the package and its driver are in the cache, and nobody needs others."""
    warm(tmp_path, [dtype], USES, 1500)
    assert compiled_later(tmp_path, dtype, USES, 900) == []
    names = set(surroundings.run(KERNELS).split())
    assert len(names) > 60
    files = {path.name.rpartition("-")[0] for path in tmp_path.rglob("*.bin")}
    missing = {name for name in names - files if FAST or ".gain" not in name}
    assert missing == set()  # without FAST, seeds are drawn without bytes


# --- drivers -----------------------------------------------------------------------------------------


@pytest.mark.compiled
def test_within_drivers_too_a_call_compiles_the_driver_and_runs_without():
    import numpy as np

    def fill(shard, start, stop, x):
        for i in range(start, stop):
            x[i] += 1

    filled = parallel_kernel(fill)
    with drivers_too():
        x = np.zeros(4)
        filled(1, np.array([0, 2, 4]), x)
    assert x.tolist() == [1, 1, 1, 1]
    assert len(filled.block.signatures) == len(filled.driver.signatures) == 1
    filled(2, np.array([0, 2, 4]), x)
    assert x.tolist() == [2, 2, 2, 2]
    assert len(filled.driver.signatures) == 1
    filled(1, np.array([0, 2, 4]), x.astype(np.float32))
    assert len(filled.driver.signatures) == 1


# --- failures ----------------------------------------------------------------------------------------


def refused(capsys, *arguments):
    """The line in which a warmup fails before any work."""
    assert _cli.main(["warmup", *arguments]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    return printed.err


def test_without_a_cache_there_is_nothing_to_warm(capsys, monkeypatch):
    monkeypatch.setenv("FASTMIX_CACHE", "0")
    expected = "the cache is off" if JIT else "NUMBA_DISABLE_JIT is set"
    assert expected in refused(capsys)


@pytest.mark.compiled
def test_a_cache_that_cannot_be_written_is_one_line(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("FASTMIX_CACHE", raising=False)
    monkeypatch.setenv("FASTMIX_CACHE_DIR", str(tmp_path / "file"))
    assert "cannot write to" in refused(capsys)


@pytest.mark.compiled
def test_without_a_terminal_every_step_is_a_line(capsys, monkeypatch, tmp_path):
    """As it begins: a log tells what is compiled now."""
    monkeypatch.delenv("FASTMIX_CACHE", raising=False)
    monkeypatch.setenv("FASTMIX_CACHE_DIR", str(tmp_path))
    told = []
    steps = [warmup.Step(name, lambda: told.append(capsys.readouterr().out)) for name in "ab"]
    monkeypatch.setitem(warmup.STEPS, "KMeans", lambda _: steps)
    assert _cli.main(["warmup", "--models", "KMeans", "--dtypes", "float32"]) == 0
    assert told == ["1 of 2: KMeans, float32: a\n", "2 of 2: KMeans, float32: b\n"]
    assert capsys.readouterr().err == ""


@pytest.mark.compiled
def test_kernels_that_are_lost_are_a_failure(capsys, monkeypatch, tmp_path):
    def full():
        warmup.Store.lost += 3

    monkeypatch.setattr(warmup.Store, "lost", 0)
    monkeypatch.delenv("FASTMIX_CACHE", raising=False)
    monkeypatch.setenv("FASTMIX_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(warmup.STEPS, "KMeans", lambda _: [warmup.Step("full", full)])
    assert _cli.main(["warmup", "--models", "KMeans", "--dtypes", "float32"]) == 1
    assert "is the disk full?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--dtypes", "int8"], ["--models", "DBSCAN"], ["--models"]])
def test_what_is_not_there_is_not_understood(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        _cli.main(["warmup", *arguments])
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_line_knows_all_models_and_their_steps():
    assert set(warmup.STEPS) == set(CLASSES) == set(USES)
