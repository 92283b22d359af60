"""scikit-learn's own tests that do not apply to fastmix, or differ, from tests/conformance/rules.toml."""

import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

FILE = Path(__file__).parents[2] / "tests" / "conformance" / "rules.toml"


class Rules(SphinxDirective):
    """The rules of a kind, 'inapplicable' or 'deviation', as a list of their reasons."""

    required_arguments = 1

    def run(self):
        """The list."""
        self.env.note_dependency(FILE)
        rules = tomllib.loads(FILE.read_text(encoding="utf-8")).get(self.arguments[0], [])
        items = []
        for rule in rules:
            tests = nodes.literal(text=rule["tests"].replace("\\", ""))
            text = nodes.paragraph("", "", tests, nodes.Text(": " + rule["why"]))
            items.append(nodes.list_item("", text))
        return [nodes.bullet_list("", *items)]


def setup(app):
    """Connect the directive."""
    app.add_directive("rules", Rules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
