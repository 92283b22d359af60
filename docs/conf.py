"""How Sphinx builds the documentation. Figures are drawn by fastmix while it builds."""

import os
import re
from pathlib import Path

import fastmix

project = "fastmix"
author = "the fastmix developers"
project_copyright = "2026, the fastmix developers"
version = release = fastmix.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
]
exclude_patterns = ["_build"]

# Links into other projects' pages need the internet, which a build need not have.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(numpy|scipy|sklearn|matplotlib)\..*")]
if os.environ.get("FASTMIX_DOCS_LINKS", "0") != "0":
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "numpy": ("https://numpy.org/doc/stable", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }

# The pages of `nox -s bench-publish`, where they have been made, become a folder of these.
published = Path(__file__).parents[1] / "asv_benchmarks" / "html"
if (published / "benchmarks" / "index.html").exists():
    html_extra_path = [str(published)]
    tags.add("published")  # noqa: F821, Sphinx puts it here

html_theme = "pydata_sphinx_theme"
html_title = "fastmix"
html_show_sourcelink = False
# The pages at the top have no siblings to list.
html_sidebars = {"**": []}

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words
numpydoc_show_class_members = False  # autodoc shows them, with their own headings

plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 120)]
plot_rcparams = {"figure.figsize": (6.4, 4.0), "figure.constrained_layout.use": True}
plot_apply_rcparams = True


def skip_foreign(app, what, name, obj, skip, options):
    """Leave out what scikit-learn's base classes add: its own pages describe it, and link to themselves."""
    foreign = (getattr(obj, "__module__", None) or "").startswith("sklearn")
    request = name.startswith("set_") and name.endswith("_request")
    return True if foreign or request else None


def escape_shapes(app, what, name, obj, options, lines):
    """Keep a shape such as (n_iter_,) from being read as a link called n_iter."""
    lines[:] = [re.sub(r"\((\w+)_,", r"(\1\\_,", line) for line in lines]


def setup(app):
    """Connect what no setting can say."""
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("autodoc-process-docstring", escape_shapes)
