"""plot_pairs, seen through what it put on its axes."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import Ellipse
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.plotting import plot_pairs
from fastmix.plotting._style import MAX_POINTS, palette

ROWS = np.array([[0.0, 1.0, 5.0], [1.0, 4.0, 6.0], [9.0, 9.0, 5.5], [9.0, 8.0, 4.0]])
TWO = [[1.0, 2.0, 5.0], [9.0, 9.0, 5.0]]
ROUND = [4 * np.eye(3), np.eye(3)]


def test_pairs_lie_below_the_diagonal(mixture):
    display = plot_pairs(mixture(TWO, ROUND), ROWS)
    assert display.axes_.shape == (3, 3)
    assert all(ax is None for ax in display.axes_[np.triu_indices(3, 1)])
    for i in range(3):
        for j in range(i):
            ax = display.axes_[i, j]
            assert_array_equal(ax.collections[0].get_offsets(), ROWS[:, [j, i]])
            assert_array_equal([e.center for e in ax.patches], np.array(TWO)[:, [j, i]])
            assert [type(e) for e in ax.patches] == [Ellipse, Ellipse]
            assert_allclose([(e.width, e.height) for e in ax.patches], [(8, 8), (4, 4)])


def test_points_curves_and_ellipses_have_the_colour_of_their_component(mixture):
    display = plot_pairs(mixture(TWO, ROUND), ROWS)
    rgb = palette(2)[:, :3]
    pair, alone = display.axes_[1, 0], display.axes_[0, 0]
    assert_array_equal(pair.collections[0].get_facecolors()[:, :3], rgb[[0, 0, 1, 1]])
    assert_array_equal([e.get_facecolor()[:3] for e in pair.patches], rgb)
    assert_array_equal([line.get_color()[:3] for line in alone.lines[:2]], rgb)


def test_densities_on_the_diagonal_are_those_of_the_components_and_their_sum(mixture):
    display = plot_pairs(mixture(TWO, ROUND, weights=[0.25, 0.75]), ROWS)
    first, second, whole = display.axes_[0, 0].lines
    x = first.get_xdata()
    normal = np.exp(-((x - 1) ** 2) / 8) / np.sqrt(8 * np.pi)
    assert_allclose(first.get_ydata(), 0.25 * normal)
    assert_allclose(whole.get_ydata(), first.get_ydata() + second.get_ydata())
    assert x[0] < ROWS[:, 0].min() < ROWS[:, 0].max() < x[-1]


def test_a_histogram_is_a_density(mixture):
    (outline,) = plot_pairs(mixture(TWO, ROUND), ROWS, features=[1]).axes_[0, 0].patches
    x, y = outline.get_xy().T
    area = 0.5 * abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    assert area == pytest.approx(1)


def test_the_histogram_of_k_means_is_made_of_its_clusters(clusters):
    display = plot_pairs(clusters(TWO), ROWS)
    patches = display.axes_[0, 0].patches
    assert sorted(patch.get_facecolor()[:3] for patch in patches) == sorted(
        tuple(color[:3]) for color in palette(2)
    )
    points, centers = display.axes_[2, 1].collections[::-1]
    assert_array_equal(points.get_offsets(), ROWS[:, [1, 2]])
    assert_array_equal(centers.get_offsets(), np.array(TWO)[:, [1, 2]])
    assert points.get_zorder() < centers.get_zorder()
    assert display.densities is None


def test_features_are_drawn_in_the_order_given(mixture):
    display = plot_pairs(mixture(TWO, ROUND), ROWS, features=(2, 0))
    assert_array_equal(display.axes_[1, 0].collections[0].get_offsets(), ROWS[:, [2, 0]])
    assert display.axes_[1, 0].get_xlabel() == "feature 2"
    assert display.axes_[1, 1].get_xlabel() == "feature 0"


def test_a_column_has_one_scale(mixture):
    display = plot_pairs(mixture(TWO, ROUND), ROWS)
    for j in range(3):
        limits = {display.axes_[i, j].get_xlim() for i in range(j, 3)}
        limits |= {display.axes_[j, i].get_ylim() for i in range(j)}
        assert len(limits) == 1


def test_only_the_outer_axes_are_named(mixture):
    display = plot_pairs(mixture(TWO, ROUND), ROWS)
    display.figure_.canvas.draw()
    inner = display.axes_[1, 1]
    assert not any(tick.label1.get_visible() for tick in inner.xaxis.get_major_ticks())
    assert display.axes_[1, 0].get_ylabel() == "feature 1"
    assert display.axes_[2, 1].get_ylabel() == ""


def test_the_legend_names_components_and_weights(mixture, clusters):
    legend = plot_pairs(mixture(TWO, ROUND, weights=[0.25, 0.75]), ROWS).legend_
    assert [text.get_text() for text in legend.get_texts()] == ["0  (25 %)", "1  (75 %)"]
    assert legend.get_title().get_text() == "component (weight)"
    legend = plot_pairs(clusters(TWO), ROWS).legend_
    assert legend.get_title().get_text() == "cluster (share)"


def test_many_components_have_no_legend(clusters):
    centers = np.random.RandomState(0).uniform(0, 9, (25, 3))
    assert plot_pairs(clusters(centers), ROWS).legend_ is None


def test_many_rows_are_thinned_but_histograms_count_them(clusters, rng):
    X = rng.normal(size=(MAX_POINTS, 3))
    display = plot_pairs(clusters(TWO), X)
    drawn = sum(
        len(display.axes_[i].collections[-1].get_offsets()) for i in [(1, 0), (2, 0), (2, 1)]
    )
    assert drawn <= MAX_POINTS
    assert display.axes_[1, 0].collections[-1].get_rasterized()


def test_where_points_hide_everything_ellipses_are_outlines_above(mixture, rng):
    X = rng.normal(size=(30_000, 3))
    (first, _) = plot_pairs(mixture(TWO, ROUND), X).axes_[1, 0].patches
    assert first.get_facecolor()[3] == 0
    assert first.get_zorder() > 2


def test_one_feature_is_a_histogram(mixture, clusters):
    X = np.array([[0.0], [1.0], [5.0]])
    assert plot_pairs(mixture([[0.0], [5.0]], [[[1.0]], [[2.0]]]), X).axes_.shape == (1, 1)
    assert plot_pairs(clusters([[0.0], [5.0]]), X).legend_ is not None


def test_a_constant_feature_has_room_around_it(mixture):
    X = ROWS * [1, 0, 1]
    left, right = plot_pairs(mixture(TWO, ROUND), X).axes_[1, 1].get_xlim()
    assert left < 0 < right


def test_a_grid_of_axes_is_filled(mixture):
    figure, grid = plt.subplots(3, 3)
    display = plot_pairs(mixture(TWO, ROUND), ROWS, grid)
    assert display.figure_ is figure
    assert display.axes_[2, 1] is grid[2, 1]
    assert not grid[0, 2].axison


@pytest.mark.parametrize("grid", [(2, 2), (3,)])
def test_other_grids_are_refused(mixture, grid):
    _, axes = plt.subplots(*grid)
    with pytest.raises(
        ValueError, match=r"ax must be None, a matplotlib Axes or 3 x 3 of them, got"
    ):
        plot_pairs(mixture(TWO, ROUND), ROWS, axes)


def test_axes_placed_by_hand_have_no_room_for_a_grid(mixture):
    ax = plt.figure().add_axes((0.1, 0.1, 0.5, 0.5))
    with pytest.raises(ValueError, match="ax must be an Axes of a grid"):
        plot_pairs(mixture(TWO, ROUND), ROWS, ax)


@pytest.mark.parametrize("features", [(), (0, 0), (0, 3), (-1,), ("a", "b"), 2, (0.5,)])
def test_features_must_be_different_ones(mixture, features):
    with pytest.raises(ValueError, match="features must be 1 to 8 different ones from 0 to 2, got"):
        plot_pairs(mixture(TWO, ROUND), ROWS, features=features)


def test_too_many_features_are_refused_with_a_way_out(clusters):
    X = np.ones((3, 9))
    with pytest.raises(
        ValueError, match=r"at most 8 of the 9 .*features=\(0, 1, 2\).*plot_projection"
    ):
        plot_pairs(clusters(X[:1]), X)
    assert plot_pairs(clusters(X[:1]), X, features=(0, 8)).axes_.shape == (2, 2)
    assert len(plt.get_fignums()) == 1
