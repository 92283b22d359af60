"""`info` and `show_versions`: what they tell, as text and as JSON, and that they never mislead."""

import json
import os
import platform
import re

import pytest
import sklearn
import surroundings

import fastmix
from fastmix import _cache, _cli
from fastmix._commands import info
from fastmix._numba import JIT
from fastmix._threads import ANY_WORK, threads


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("FASTMIX_CACHE", raising=False)
    monkeypatch.setenv("FASTMIX_CACHE_DIR", str(tmp_path / "cache"))


def lines(text):
    return [(line[:13].rstrip(), line[14:]) for line in text.splitlines()]


def test_info_tells_versions_threads_and_cache(capsys, tmp_path):
    assert _cli.main(["info"]) == 0
    printed = capsys.readouterr()
    found = dict(lines(printed.out))
    assert printed.err == ""
    assert found["fastmix"] == fastmix.__version__
    assert found["python"] == platform.python_version()
    assert found["scikit-learn"] == sklearn.__version__
    assert found.keys() >= {"llvmlite", "numba", "numpy", "scipy", "system", "processor"}
    assert found["cache"] == str(tmp_path / "cache" / _cache.fingerprint())
    assert re.match(
        r"0 of 0 bytes; this process has loaded \d+ and compiled \d+$", found["kernels"]
    )
    if JIT:
        assert found["threads"].startswith(f"{threads(None, ANY_WORK)} of the layer ")
        assert re.search(r"vectors of (128|256|512) bits$", found["compiled for"])
    else:
        assert "NUMBA_DISABLE_JIT" in found["compiled for"]


def test_show_versions_prints_the_same(capsys):
    fastmix.show_versions()
    shown = capsys.readouterr().out
    assert _cli.main(["info"]) == 0
    assert shown == capsys.readouterr().out


def test_json_and_text_are_made_of_the_same_facts(capsys):
    assert _cli.main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert _cli.main(["info"]) == 0
    assert info.as_text(found) + "\n" == capsys.readouterr().out


def test_json_has_every_fact():
    found = json.loads(json.dumps(info.facts()))
    assert found["versions"]["fastmix"] == fastmix.__version__
    assert None not in [v for name, v in found["versions"].items() if name != "matplotlib"]
    assert found["system"]["cpus"] == os.cpu_count()
    assert found["system"]["vector_bits"] in (128, 256, 512)
    assert found["threads"]["threads"] >= 1
    assert {pool["user_api"] for pool in found["pools"]} <= {"blas", "openmp"}
    cache = found["cache"]
    assert (cache["kernels"], cache["bytes"], cache["other_versions"]) == (0, 0, 0)
    assert cache["obstacle"] is None


# --- threads ---------------------------------------------------------------------------------------

LAYER = """
import json, sys
from fastmix._commands.info import as_text, facts
found = facts()
print(json.dumps([found["threads"], as_text(found)]))
"""


@pytest.mark.compiled
@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_the_layer_is_told_before_any_fit(layer):
    if surroundings.why_not(layer):
        pytest.skip(surroundings.why_not(layer))
    found, text = json.loads(surroundings.run(LAYER, NUMBA_THREADING_LAYER=layer))
    assert found["layer"] == layer
    assert found["several_callers"] == (layer != "workqueue")
    assert found["threads_in_forked_children"] == (layer != "omp")
    assert f"2 of the layer {layer}; {info.CALLERS[layer]}" in text


@pytest.mark.compiled
def test_a_layer_that_is_not_there_is_told_with_its_reason():
    code = "import warnings; warnings.simplefilter('ignore')" + LAYER
    found, text = json.loads(surroundings.run(code, NUMBA_THREADING_LAYER="nonesuch"))
    assert (found["threads"], found["layer"]) == (1, None)
    assert "nonesuch" in found["obstacle"]
    assert "one thread" in text


@pytest.mark.compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_tells_that_it_has_one_thread():
    if surroundings.why_not("omp"):
        pytest.skip(surroundings.why_not("omp"))
    code = """
import os
from surroundings import forked
from fastmix._commands.info import facts
assert facts()["threads"]["threads"] == 2
print(forked(lambda: facts()["threads"]["threads"] == 1))
"""
    assert surroundings.run(code, NUMBA_THREADING_LAYER="omp") == "0"


# --- the cache -------------------------------------------------------------------------------------


def no_folder(place):
    place.write_text("a file")


def open_to_all(place):
    place.mkdir()
    place.chmod(0o777)


@pytest.mark.skipif(os.name == "nt", reason="folders have no modes there")
@pytest.mark.parametrize(
    ("spoil", "reason"), [(no_folder, "Not a directory|others"), (open_to_all, "others may write")]
)
def test_info_tells_that_the_cache_cannot_be_used(capsys, tmp_path, spoil, reason):
    spoil(tmp_path / "cache")
    assert _cli.main(["info"]) == 0
    found = dict(lines(capsys.readouterr().out))
    assert re.search(
        rf"cannot be written \(.*({reason}).*\): kernels that it has not are compiled anew",
        found["cache"],
    )


def test_info_tells_that_there_is_no_cache(capsys, monkeypatch):
    monkeypatch.setenv("FASTMIX_CACHE", "0")
    assert _cli.main(["info"]) == 0
    assert "\ncache         off: kernels are compiled anew" in capsys.readouterr().out


COUNTED = """
import numpy as np
from fastmix._commands.info import facts
from fastmix.engine.rows import finite
finite(np.ones((20_000, 2)), 1)
its = facts()["cache"]
print(its["hits"], its["compiled"], its["kernels"], its["bytes"] > 0)
"""


@pytest.mark.compiled
def test_info_counts_what_was_compiled_and_what_was_loaded(tmp_path):
    place = {"FASTMIX_CACHE_DIR": tmp_path / "own"}
    hits, compiled, kernels, sized = surroundings.run(COUNTED, **place).split()
    assert (hits, sized) == ("0", "True")
    assert int(compiled) == int(kernels) > 0
    again = surroundings.run(COUNTED, **place).split()
    assert again == ["1", "0", kernels, "True"]


def test_info_tells_of_the_kernels_of_other_versions(capsys, tmp_path):
    other = tmp_path / "cache" / ("0" * 20)
    other.mkdir(parents=True, mode=0o700)
    (other / f"fastmix.kernels.old-{'1' * 20}.bin").write_bytes(bytes(2_500_000))
    assert _cli.main(["info"]) == 0
    assert dict(lines(capsys.readouterr().out))["more kernels"] == "2.5 MB of 1 other versions"


# --- the import --------------------------------------------------------------------------------------


def test_show_versions_costs_nothing_at_import():
    code = "import sys, fastmix; print(*(n for n in ('matplotlib', 'tqdm') if n in sys.modules))"
    assert surroundings.run(code) == ""
