"""plot_responsibilities, seen through what it put on the axes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal

from fastmix import GaussianMixture
from fastmix.plotting import plot_responsibilities
from fastmix.plotting._style import palette

THREE = GaussianMixture.from_parameters(
    [0.5, 0.3, 0.2], [[0.0], [4.0], [9.0]], [1.0, 1.0, 1.0], covariance_type="spherical"
)
ROWS = np.array([[0.0], [2.0], [4.0], [6.4], [9.0], [7.0], [2.2]])


def names(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_chosen_rows_are_bars_in_their_order():
    display = plot_responsibilities(THREE, ROWS, rows=[5, 1])
    expected = THREE.predict_proba(ROWS)[[5, 1]]
    assert_array_equal(display.resp, expected)
    assert_array_equal(display.rows, [5, 1])
    for c, bars in enumerate(display.bars_):
        assert_allclose([bar.get_width() for bar in bars], expected[:, c], atol=1e-12)
        assert_allclose([bar.get_x() for bar in bars], expected[:, :c].sum(1))
        assert all(bar.get_facecolor() == tuple(palette(3)[c]) for bar in bars)
    assert names(display.ax_) == ["5", "1"]
    bottom, top = display.ax_.get_ylim()
    assert bottom > top  # the first row is on top


def test_a_number_asks_for_the_rows_most_in_doubt_component_by_component():
    display = plot_responsibilities(THREE, ROWS, rows=4)
    assert set(display.rows) == {1, 3, 5, 6}
    best = display.resp.argmax(1)
    assert (np.diff(best) >= 0).all()
    for c in range(3):
        assert (np.diff(display.resp[best == c, c]) <= 0).all()


def test_of_few_rows_all_are_drawn():
    assert len(plot_responsibilities(THREE, ROWS).resp) == 7


def test_labels_of_a_data_frame_name_the_rows():
    frame = pd.DataFrame(ROWS, columns=["x"], index=list("abcdefg"))
    model = GaussianMixture(2, random_state=0)
    assert names(plot_responsibilities(model, frame, rows=(6, 0)).ax_) == ["g", "a"]


def test_too_many_names_are_left_out():
    X = np.linspace(0, 9, 50)[:, None]
    assert names(plot_responsibilities(THREE, X, rows=50).ax_) == []


def test_the_legend_lies_above_the_bars():
    display = plot_responsibilities(THREE, ROWS)
    display.figure_.canvas.draw()
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert texts == ["0  (50 %)", "1  (30 %)", "2  (20 %)"]
    assert display.legend_.get_window_extent().y0 >= display.ax_.get_window_extent().y1


@pytest.mark.parametrize("rows", [0, -3, (7,), (-1,), (), [[1]], "all", (0.5,), 1.5, None])
def test_rows_must_be_how_many_or_which(rows):
    with pytest.raises(
        ValueError, match="rows must be how many, above 0, or numbers of rows from 0 to 6"
    ):
        plot_responsibilities(THREE, ROWS, rows=rows)
    assert not plt.get_fignums()
