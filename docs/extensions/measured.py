"""Figures of speed, from docs/performance/peers.json and from nowhere else.

``:measured:`losses``` and ``:measured:`comparisons``` are numbers, ``:measured:`where``` names the
machine; the directive ``measured`` makes a table of the cases that are its lines. The page
performance/peers, of the repository, is made anew, with its figures.
"""

import sys
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

DOCS = Path(__file__).parents[1]
FILE = DOCS / "performance" / "peers.json"
PAGE = "performance/peers"
FIGURES = DOCS / "generated"

sys.path.insert(0, str(DOCS.parent / "asv_benchmarks"))
from peers import figures, results, tables  # noqa: E402
from peers.rivals import ANCHOR, OURS  # noqa: E402


def compared(found):
    """Ratios of rivals' seconds to ours, of all cases."""
    rivals = [(case, name) for case in found["cases"].values() for name in case["rivals"]]
    ratios = [results.ratio(case, name) for case, name in rivals if name != OURS]
    return [ratio for ratio in ratios if ratio is not None]


def where(found):
    """The machine of the last run."""
    run = found["runs"][-1]
    return f"{run['processor']}, {run['threads']} threads, scikit-learn {run['versions'][ANCHOR]}"


NUMBERS = {
    "losses": lambda found: str(len(results.losses(found))),
    "comparisons": lambda found: str(len(compared(found))),
    "where": where,
}


def measured(name, rawtext, text, lineno, inliner, options=None, content=()):
    """The role: one of NUMBERS."""
    if text not in NUMBERS:
        told = inliner.reporter.error(f"{text!r} is none of {sorted(NUMBERS)}", line=lineno)
        return [inliner.problematic(rawtext, rawtext, told)], [told]
    return [nodes.Text(NUMBERS[text](results.read(FILE)))], []


class Measured(SphinxDirective):
    """A table of the seconds of fastmix and scikit-learn at some cases."""

    has_content = True

    def run(self):
        """The table."""
        cases = results.read(FILE)["cases"]
        rows = [("fit", "fastmix", "scikit-learn", "times as fast")]
        for name in self.content:
            if name not in cases:
                raise self.error(f"peers.json has no case {name!r}")
            case = cases[name]
            seconds = [tables.time_text(results.seconds(case, who)) for who in (OURS, ANCHOR)]
            texts = [f"{text} s" for text in seconds]
            rows.append((name, *texts, tables.ratio_text(results.ratio(case))))
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: auto", ""]
        for row in rows:
            cells = [f"     - {cell}" for cell in row]
            lines += [cells[0].replace("     -", "   * -"), *cells[1:]]
        return self.parse_text_to_nodes("\n".join(lines))


def draw(app):
    """Draw the figures of the page."""
    FIGURES.mkdir(exist_ok=True)
    names = figures.draw(results.read(FILE), FIGURES)
    app.peers_figures = {heading: f"/{FIGURES.name}/{name}" for heading, name in names.items()}


def make_page(app, docname, source):
    """Replace what the repository's page says by what peers.json says now."""
    if docname == PAGE:
        source[0] = tables.markdown(results.read(FILE), app.peers_figures)
        app.env.note_dependency(FILE, docname=docname)


def setup(app):
    """Connect all of it."""
    app.add_role("measured", measured)
    app.add_directive("measured", Measured)
    app.connect("builder-inited", draw)
    app.connect("source-read", make_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
