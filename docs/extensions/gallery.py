"""What the gallery of examples asks of sphinx-gallery: an order, looks, and animations as GIF."""

from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib import rcParams
from matplotlib.sphinxext import plot_directive
from sphinx_gallery.scrapers import figure_rst

from fastmix.plotting import AnimationDisplay

ORDER = (
    "palette",
    "segments",
    "digit_means",
    "new_digits",
    "half_digits",
    "patches",
    "iris_pairs",
    "iris_doubt",
    "wine",
    "outliers",
    "curve",
    "faithful",
    "next_eruption",
    "choosing",
    "bayesian",
    "silhouettes",
    "em",
    "convergence",
    "weights",
    "speed",
)


def place(file):
    """Where in the gallery an example stands; one that is new, at the end."""
    name = Path(file).stem.removeprefix("plot_")
    return ORDER.index(name) if name in ORDER else len(ORDER)


def looks(gallery_conf, file):
    """Give figures the looks that those of the other pages have."""
    rcParams.update(plot_directive.setup.config.plot_rcparams)


def films(block, block_vars, gallery_conf):
    """A GIF of every animation that a block has made, whose figure is then not drawn once more."""
    found = block_vars["example_globals"].values()
    paths = []
    for display in [each for each in found if isinstance(each, AnimationDisplay)]:
        if plt.fignum_exists(display.figure_.number):
            path = Path(next(block_vars["image_path_iterator"])).with_suffix(".gif")
            display.save(path, dpi=90)
            plt.close(display.figure_)
            paths.append(path)
    return figure_rst(paths, gallery_conf["src_dir"], "an animation")
