"""The examples of the documentation run, and print what they say they print."""

import doctest
import importlib
import json
import pkgutil
import re
import runpy
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import fastmix
from fastmix import plotting
from fastmix.engine.covariances import COVARIANCES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NO_PAGES = (
    "_build",
    "auto_examples",
    "examples",
    "generated",
)  # what a build or a gallery is made of
PAGES = sorted(
    page
    for page in [*DOCS.rglob("*.rst"), *DOCS.rglob("*.md")]
    if page.relative_to(DOCS).parts[0] not in NO_PAGES
)
GALLERY = sorted((DOCS / "examples").glob("plot_*.py"))
MODULES = sorted(
    name
    for _, name, package in pkgutil.walk_packages(fastmix.__path__, "fastmix.")
    if not package and not name.startswith(("fastmix._", "fastmix.kernels", "fastmix.engine"))
)
# A directive with the lines below it that are indented more, or empty.
DIRECTIVE = r"^( *)\.\. {}::(.*)\n((?:\1 +\S.*\n|\s*\n)*)"


def text_of(page):
    return page.read_text(encoding="utf-8")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def blocks(text, directive):
    """The code of every such directive of a page, without its options."""
    found = re.finditer(DIRECTIVE.format(directive), text + "\n", re.MULTILINE)
    bodies = [textwrap.dedent(match[3]).strip("\n") for match in found]
    return [re.sub(r"\A(:[\w-]+:.*\n)+", "", body + "\n").strip() for body in bodies]


def plain(page):
    """What a page's plots and animations run that is not written as a session, in order."""
    kinds = "(?:plot|animation)" if hasattr(plotting, "animate_fit") else "plot"
    return [code for code in blocks(text_of(page), kinds) if code and ">>>" not in code]


SESSIONS = [page for page in PAGES if page.suffix == ".rst" and ">>>" in text_of(page)]
FIGURES = [page for page in PAGES if page.suffix == ".rst" and plain(page)]


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path, monkeypatch):
    """Figures are closed, and files that examples write are not written here."""
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


def test_pages_with_examples_are_found():
    assert len(GALLERY) >= 12
    assert {"mixtures.rst", "getting_started.rst", "weights.rst"} <= {p.name for p in SESSIONS}
    assert DOCS / "index.rst" in FIGURES
    assert len(plain(DOCS / "tutorial" / "index.rst")) == 6


@pytest.mark.compiled
@pytest.mark.parametrize("page", SESSIONS, ids=name_of)
def test_examples_of_a_page_run(page):
    if page.stem == "clusters":
        pytest.importorskip("dask.array")
    result = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.compiled
@pytest.mark.parametrize("page", FIGURES, ids=name_of)
def test_figures_of_a_page_are_drawn(page):
    names = {}
    for code in plain(page):
        exec(compile(code, name_of(page), "exec"), names)
        assert plt.get_fignums() or "import" in code
        for number in plt.get_fignums():  # an animation that nobody has drawn complains
            plt.figure(number).canvas.draw()
        plt.close("all")


@pytest.mark.compiled
@pytest.mark.parametrize("example", GALLERY, ids=name_of)
def test_an_example_of_the_gallery_runs(example, monkeypatch):
    monkeypatch.chdir(example.parent)  # where sphinx-gallery runs it
    monkeypatch.setattr(plt, "show", lambda: None)
    names = runpy.run_path(str(example))  # keeps animations alive
    assert names["plt"].get_fignums()
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()


@pytest.mark.compiled
@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_run(name):
    if name.startswith("fastmix.distributed"):
        pytest.importorskip("dask.array")
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def untested(text):
    """Blocks of Python in a page of reStructuredText or Markdown that no test of this file runs."""
    found = [code for kind in ("code-block", "code", "sourcecode") for code in told(text, kind)]
    found += re.findall(r"^```(?:py|python|pycon|python3)\b.*?^```", text, re.MULTILINE | re.DOTALL)
    return [code for code in found if ">>>" not in code]


def told(text, directive):
    """The code of directives that say it is Python, or do not say what it is."""
    found = re.finditer(DIRECTIVE.format(directive), text + "\n", re.MULTILINE)
    said = [(match[2].strip().lower(), match[3]) for match in found]
    return [body for kind, body in said if kind in ("", "py", "python", "pycon", "python3")]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (".. code-block:: python\n\n    import fastmix\n", 1),
        ("  .. code:: python\n\n      import fastmix\n", 1),
        (".. code-block:: python\n\n    >>> 1 + 1\n    2\n", 0),
        (".. code-block:: console\n\n    $ pip install .\n", 0),
        ("```python\nimport fastmix\n```\n", 1),
        ("```bash\npip install .\n```\n", 0),
        (".. plot::\n\n    import fastmix\n", 0),
    ],
)
def test_python_that_no_test_runs_is_seen(text, count):
    assert len(untested(text)) == count


@pytest.mark.parametrize(
    "page", [*PAGES, *(ROOT / f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY"))],
    ids=name_of,
)  # fmt: skip
def test_every_block_of_python_is_tested(page):
    assert untested(text_of(page)) == []


def test_the_only_python_of_the_readme_is_the_one_that_test_project_runs():
    assert len(untested(text_of(ROOT / "README.md"))) == 1


def test_every_link_of_the_readme_and_of_contributing_leads_to_a_file():
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
        links = re.findall(r"\]\(([^)#:]+)\)", text_of(ROOT / name))
        assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_page_is_in_a_table_of_contents():
    told = "\n".join(text_of(page) for page in PAGES)
    for page in PAGES:
        if page != DOCS / "index.rst":
            assert re.search(
                rf"^ +(.*<.*)?\b{page.stem}(/index)?>?$|/{page.stem}>?$", told, re.M
            ), page


def test_every_covariance_type_is_told_where_types_are_told():
    pages = [text_of(DOCS / "how_to" / "mixtures.rst"), text_of(DOCS / "tutorial" / "index.rst")]
    told = [fastmix.GaussianMixture.__doc__, fastmix.BayesianGaussianMixture.__doc__, *pages]
    for name in COVARIANCES:
        for text in told:
            assert f"{name}'" in text or f'"{name}"' in text


def test_every_parameter_and_method_beyond_scikit_learn_s_is_told_to_those_who_come_from_there():
    page = text_of(DOCS / "how_to" / "from_scikit_learn.rst")
    from sklearn import cluster, mixture

    for name in ("KMeans", "MiniBatchKMeans", "BisectingKMeans"):
        check(getattr(fastmix, name), getattr(cluster, name), page)
    for name in ("GaussianMixture", "BayesianGaussianMixture"):
        check(getattr(fastmix, name), getattr(mixture, name), page)


def check(ours, theirs, page):
    """Whatever ours has and theirs has not stands on the page."""
    parameters = set(ours().get_params()) - set(theirs().get_params())
    methods = {name for name in dir(ours) if not name.startswith("_")} - set(dir(theirs))
    assert [name for name in sorted(parameters | methods) if name not in page] == []


def test_the_readme_and_the_page_of_rivals_say_what_peers_json_says(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "asv_benchmarks"))
    readme, tables = (importlib.import_module(f"peers.{name}") for name in ("readme", "tables"))
    found = json.loads(text_of(DOCS / "performance" / "peers.json"))
    assert readme.block(found) in text_of(ROOT / "README.md")
    page = text_of(DOCS / "performance" / "peers.md").splitlines()
    assert [line for line in tables.markdown(found, {}).splitlines() if line not in page] == []
