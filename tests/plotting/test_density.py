"""plot_density, seen through its numbers and through what it put on the axes."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal

from fastmix.plotting import plot_density
from fastmix.plotting._style import MAX_OVER

FOUR = np.array([[0.0, 1.0], [3.0, 4.0], [10.0, 0.0], [10.0, -2.0]])
TWO = [[1.0, 2.0], [10.0, -1.0]]
COVARIANCES = np.array([[[2.0, 1.0], [1.0, 3.0]], [[1.0, 0.0], [0.0, 0.5]]])


@pytest.fixture
def two(mixture):
    return mixture(TWO, COVARIANCES, weights=[0.3, 0.7])


def test_the_surface_is_the_log_density_on_a_grid(two):
    display = plot_density(two, FOUR)
    x, y = np.meshgrid(display.x, display.y)
    points = np.stack([x, y], axis=-1)
    expected = np.log(
        sum(
            w * multivariate_normal(mean, matrix).pdf(points)
            for w, mean, matrix in zip([0.3, 0.7], TWO, COVARIANCES, strict=True)
        )
    )
    assert_allclose(display.log_density, expected, atol=1e-9)


def test_other_features_are_integrated_out(mixture, rng):
    root = rng.normal(size=(3, 3))
    covariance = root @ root.T
    X = rng.normal(size=(9, 3))
    display = plot_density(mixture([[1.0, 2.0, 3.0]], [covariance]), X, dims=(2, 0))
    at = np.array([display.x[3], display.y[5]])
    expected = multivariate_normal([3, 1], covariance[np.ix_([2, 0], [2, 0])]).logpdf(at)
    assert display.log_density[5, 3] == pytest.approx(expected)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("feature 2", "feature 0")


def test_contours_are_equal_steps_and_close_within_the_grid(two):
    display = plot_density(two, FOUR, levels=6)
    steps = np.diff(display.heights)
    assert_allclose(steps, steps[0])
    assert 3 <= len(display.heights) <= 7
    edge = np.concatenate(
        [display.log_density[[0, -1]].ravel(), display.log_density[:, [0, -1]].ravel()]
    )
    assert edge.max() < display.heights[0]
    assert_array_equal(display.contours_.levels[:-1], display.heights)
    assert display.colorbar_ is not None
    assert display.colorbar_.ax.get_ylabel() == "log-density"


def test_contours_that_hold_probabilities_are_named_by_them(two):
    display = plot_density(two, FOUR, levels=(0.5, 0.99, 0.9))
    assert_array_equal(display.levels, [0.99, 0.9, 0.5])
    assert (np.diff(display.heights) > 0).all()
    density = np.exp(display.log_density)
    density /= density.sum()
    inside = [density[display.log_density > height].sum() for height in display.heights]
    assert_allclose(inside, [0.99, 0.9, 0.5], atol=0.01)
    named = {text.get_text() for text in display.ax_.texts}
    assert named == {"99 %", "90 %", "50 %"}
    assert display.colorbar_ is None


def test_rows_lie_over_the_contours(two):
    display = plot_density(two, FOUR)
    assert_array_equal(display.points_.get_offsets(), FOUR)
    others = [each for each in display.ax_.collections if each is not display.points_]
    assert all(each.get_zorder() < display.points_.get_zorder() for each in others)
    assert plot_density(two, FOUR, points=False).points_ is None


def test_many_rows_are_thinned(two, rng):
    X = rng.normal(size=(MAX_OVER + 100, 2))
    display = plot_density(two, X, scatter_kwargs={"color": "red", "s": 5})
    assert len(display.points_.get_offsets()) == MAX_OVER
    assert_array_equal(display.points_.get_facecolors()[0, :3], [1, 0, 0])


def test_two_features_without_names_have_none(two):
    assert plot_density(two, FOUR).ax_.get_xlabel() == ""


@pytest.mark.parametrize("levels", [1, 0, 1.0, (0.5, 1.0), (), "many", None])
def test_levels_must_be_steps_or_probabilities(two, levels):
    with pytest.raises(ValueError, match=r"levels must be one or more numbers in \(0, 1\), got"):
        plot_density(two, FOUR, levels=levels)
    assert not plt.get_fignums()
