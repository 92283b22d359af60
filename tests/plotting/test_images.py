"""A few pictures as pixels, coarse enough not to hang on a release of Matplotlib, or on fonts.

`python -m plotting.test_images` in tests writes them anew, after a change of looks that was looked at.
"""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from fastmix import GaussianMixture
from fastmix.plotting import plot_density, plot_gmm, plot_pairs, plot_uncertainty

FOLDER = Path(__file__).parent / "baseline"
INCHES, DPI, BLOCK = (4.0, 3.0), 80, 8  # a picture of 40 x 30 blocks
MEAN, MOST = 2.0, 40.0  # difference of blocks, of 255
MODEL = GaussianMixture.from_parameters(
    [0.5, 0.3, 0.2],
    [[0.0, 0.0], [4.0, 3.0], [-3.0, 4.0]],
    [[[2.0, 1.2], [1.2, 1.5]], [[0.5, 0.0], [0.0, 2.0]], [[1.0, -0.5], [-0.5, 1.0]]],
)
X, _ = MODEL.sample(400, random_state=0)
PICTURES = {
    "gmm": lambda ax: plot_gmm(MODEL, X, ax),
    "pairs": lambda ax: plot_pairs(MODEL, X, ax),
    "density": lambda ax: plot_density(MODEL, X, ax, points=False),
    "uncertainty": lambda ax: plot_uncertainty(MODEL, X, ax),
}


def coarse(name):
    """The picture without words, every block of pixels as its mean colour, (30, 40, 3)."""
    with plt.rc_context({"figure.dpi": DPI, "savefig.dpi": DPI}):
        figure, ax = plt.subplots(figsize=INCHES)
        PICTURES[name](ax)
        for each in figure.axes:
            each.set(xticks=[], yticks=[], xlabel="", ylabel="")
            if each.get_legend():
                each.get_legend().remove()
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())[:, :, :3].astype(float)
        plt.close(figure)
    height, width = (side // BLOCK for side in pixels.shape[:2])
    return pixels.reshape(height, BLOCK, width, BLOCK, 3).mean((1, 3))


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_looks_as_it_did(name):
    expected = np.asarray(Image.open(FOLDER / f"{name}.png").convert("RGB"), float)
    difference = np.abs(coarse(name) - expected)
    assert difference.mean() < MEAN
    assert difference.max() < MOST


if __name__ == "__main__":
    for name in PICTURES:
        Image.fromarray(coarse(name).round().astype(np.uint8)).save(FOLDER / f"{name}.png")
