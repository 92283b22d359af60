"""The package as a list of files, each with the first line of its docstring and a link to its source."""

import ast
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
PAGES = "source"  # the folder of the site that the sources are shown in


def line_of(path):
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def page_of(path):
    """Name of the page that shows a source."""
    return f"{PAGES}/{path.relative_to(ROOT).with_suffix('').as_posix()}"


class Room(SphinxDirective):
    """The files of a folder of the package, given relative to the repository, or one file."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        """A list of the files."""
        found = []
        for name in self.arguments[0].split():
            place = ROOT / name
            found += sorted(place.glob("*.py")) if place.is_dir() else [place]
        if not all(path.exists() for path in found) or not found:
            raise self.error(f"{self.arguments[0]} is no folder or file of the repository")
        items = [self._item(path) for path in found if path.name != "__init__.py"]
        return [nodes.bullet_list("", *items, classes=["room"])]

    def _item(self, path):
        uri = self.env.app.builder.get_relative_uri(self.env.docname, page_of(path))
        link = nodes.reference("", "", nodes.literal(text=path.name), refuri=uri, internal=True)
        said, _ = self.parse_inline(": " + line_of(path))
        self.env.note_dependency(path)
        return nodes.list_item("", nodes.paragraph("", "", link, *said))


def sources(app):
    """A page for every source of the package."""
    for path in sorted((ROOT / "fastmix").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        code = app.builder.highlighter.highlight_block(text, "python", linenos=False)
        title = path.relative_to(ROOT).as_posix()
        yield page_of(path), {"title": title, "body": f"<h1>{title}</h1>{code}"}, "page.html"


def setup(app):
    """Connect both."""
    app.add_directive("room", Room)
    app.connect("html-collect-pages", sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
