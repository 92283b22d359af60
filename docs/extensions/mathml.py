"""Equations as MathML, made while the site builds: browsers draw it themselves, without a script or the internet."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError

# latex2mathml sets log x as the product of log and x, without the space between them.
FUNCTION = re.compile(r"(<mi>(?:log|exp|det)</mi>)(?!<mo stretchy=\"false\">&#x00028;)")
THIN = '<mspace width="0.167em" />'


def mathml(node, display):
    """The MathML of an equation.

    Raises
    ------
    ExtensionError
        If it is aligned at several places, which latex2mathml does not do outside of a matrix.
    """
    text = node.astext().strip()
    found = convert(text, display=display)
    if "<mi>&</mi>" in found or "\\begin{align" in text:
        raise ExtensionError(f"the equation {text!r} is aligned by &: write one for each line")
    return FUNCTION.sub(r"\1" + THIN, found)


def inline(self, node):
    """An equation within a sentence."""
    self.body.append(mathml(node, "inline"))
    raise nodes.SkipNode


def block(self, node):
    """An equation on lines of its own, which can be moved sideways where it is too wide."""
    self.body.append(self.starttag(node, "div", CLASS="equation"))
    self.body.append(mathml(node, "block") + "</div>\n")
    raise nodes.SkipNode


def setup(app):
    """Connect the renderer that conf.py chooses."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
