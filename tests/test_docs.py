"""The examples of the documentation run, and print what they say they print."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import fastmix
from fastmix.engine.covariances import COVARIANCES

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(page for page in DOCS.glob("*.rst") if ">>>" in page.read_text(encoding="utf-8"))
MODULES = sorted(
    name
    for _, name, package in pkgutil.walk_packages(fastmix.__path__, "fastmix.")
    if not package and not name.startswith(("fastmix._", "fastmix.kernels", "fastmix.engine"))
)


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path, monkeypatch):
    """Figures are closed, and files that examples write are not written here."""
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


def test_the_page_on_mixtures_has_examples():
    assert "mixtures.rst" in [page.name for page in PAGES]


@pytest.mark.compiled
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_a_page_run(page):
    result = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.compiled
@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_every_covariance_type_is_told_where_types_are_told():
    pages = [(DOCS / name).read_text(encoding="utf-8") for name in ("mixtures.rst",)]
    told = [fastmix.GaussianMixture.__doc__, fastmix.BayesianGaussianMixture.__doc__, *pages]
    for name in COVARIANCES:
        for text in told:
            assert f"{name}'" in text or f'"{name}"' in text
