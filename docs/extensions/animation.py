"""An animation that code draws while the site builds; it is shown as GIF."""

import warnings
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from matplotlib import pyplot as plt
from sphinx.util.docutils import SphinxDirective

import fastmix.plotting

FOLDER = Path(__file__).parents[1] / "generated"


class Animation(SphinxDirective):
    """What the code leaves in `display`, as the file that is named; the code is shown above it."""

    required_arguments = 1
    has_content = True
    option_spec = {"alt": directives.unchanged_required}

    def run(self):
        """The code, and the picture."""
        if not hasattr(fastmix.plotting, "animate_fit"):
            return []
        code = "\n".join(self.content)
        FOLDER.mkdir(exist_ok=True)
        names = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(code, names)
            names["display"].save(FOLDER / self.arguments[0], dpi=90)
        plt.close("all")
        picture = nodes.image(
            uri=f"/{FOLDER.name}/{self.arguments[0]}", alt=self.options.get("alt", "")
        )
        return [nodes.literal_block(code, code, language="python"), picture]


def setup(app):
    """Connect the directive."""
    app.add_directive("animation", Animation)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
