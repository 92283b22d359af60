"""How Sphinx builds the documentation. Figures are drawn by fastmix while it builds."""

import os
import re
import sys
import tempfile
from pathlib import Path

from cycler import cycler

import fastmix
from fastmix.plotting._style import HUES

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

project = "fastmix"
author = "the fastmix developers"
project_copyright = "2026, the fastmix developers"
version = release = fastmix.__version__

extensions = [
    "extensions.animation",
    "extensions.conformance",
    "extensions.mathml",
    "extensions.measured",
    "extensions.rooms",
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples", "extensions", "generated"]

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
published = DOCS.parent / "asv_benchmarks" / "html"
if (published / "benchmarks" / "index.html").exists():
    html_extra_path = [str(published)]
    tags.add("published")  # noqa: F821, Sphinx puts it here

html_theme = "pydata_sphinx_theme"
html_title = "fastmix"
html_copy_source = False
html_show_sourcelink = False
html_search_scorer = str(DOCS / "static" / "scorer.js")
html_static_path = ["static"]
html_css_files = ["fastmix.css"]
html_favicon = "static/favicon.svg"
html_context = {"default_mode": "auto"}
html_math_renderer = "mathml"
html_theme_options = {
    "footer_end": [],
    "footer_start": ["copyright"],
    "logo": {
        "image_light": "static/favicon.svg",
        "image_dark": "static/favicon.svg",
        "text": "fastmix",
    },
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navbar_persistent": [],
    "navbar_end": ["search-button-field", "theme-switcher"],
    "show_toc_level": 2,
}
# These have no siblings to list.
html_sidebars = {"index": [], "getting_started": [], "source/**": []}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words
numpydoc_show_class_members = False  # autodoc shows them, with their own headings

plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 130)]
plot_rcparams = {
    "axes.prop_cycle": cycler(color=HUES),
    "figure.constrained_layout.use": True,
    "figure.figsize": (6.4, 4.0),
}
plot_apply_rcparams = True
# What examples write goes away with the build.
_written = tempfile.TemporaryDirectory()
plot_working_directory = _written.name

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "extensions.gallery.place",
    "reset_modules": ("matplotlib", "extensions.gallery.looks"),
    "image_scrapers": ("extensions.gallery.films", "matplotlib"),
    "image_srcset": ["2x"],
    "capture_repr": (),
    "notebook_extensions": set(),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "min_reported_time": 3600,  # seconds: how long an example took is of no interest, and never the same
    "write_computation_times": False,
    "show_signature": False,
}


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
