"""plot_uncertainty, seen through what it put on the axes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix import GaussianMixture
from fastmix.plotting import plot_uncertainty
from fastmix.plotting._style import MAX_POINTS

TWO = GaussianMixture.from_parameters(
    [0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [1.0, 1.0], covariance_type="spherical"
)
ROWS = np.array([[0.0, 0.0], [5.0, 0.0], [0.5, 3.0], [-2.0, 1.0]])


def test_uncertainty_is_what_the_formula_says():
    """Between two unit spheres 2 apart the odds are exp(2 x)."""
    display = plot_uncertainty(TWO, ROWS)
    assert_allclose(display.uncertainty, 1 / (1 + np.exp(2 * np.abs(ROWS[:, 0]))))


def test_the_less_certain_are_larger_and_on_top():
    display = plot_uncertainty(TWO, ROWS)
    order = [1, 3, 2, 0]
    assert_array_equal(display.points_.get_offsets(), ROWS[order])
    assert_array_equal(display.points_.get_array(), display.uncertainty[order])
    assert (np.diff(display.points_.get_sizes()) > 0).all()


def test_colours_are_ever_darker():
    display = plot_uncertainty(TWO, ROWS)
    rgb = display.points_.get_cmap()(np.linspace(0, 1, 50))[:, :3]
    assert (np.diff(rgb @ [0.2126, 0.7152, 0.0722]) < 0).all()
    assert display.points_.get_clim() == (0, 0.5)


def test_components_are_outlines():
    display = plot_uncertainty(TWO, ROWS, n_std=(1, 2))
    assert [e.width for e in display.components_] == pytest.approx([2, 4, 2, 4])
    assert all(e.get_facecolor()[3] == 0 for e in display.components_)


def test_k_means_tells_by_its_distances(library, blobs):
    X = blobs(n=60, gap=3.0).X
    model = library.KMeans(3, random_state=0).fit(X)
    display = plot_uncertainty(model, X)
    a, b = np.sort(model.transform(X), axis=1)[:, :2].T
    assert_allclose(display.uncertainty, a**2 / (a**2 + b**2))
    assert_array_equal(display.components_[0].get_offsets(), model.cluster_centers_)
    assert "closeness" in display.colorbar_.ax.get_ylabel()


def test_more_doubt_than_between_two_is_marked_on_the_scale():
    three = GaussianMixture.from_parameters(
        np.ones(3) / 3, np.eye(3)[:, :2], np.ones(3), covariance_type="spherical"
    )
    assert plot_uncertainty(three, np.array([[1 / 3, 1 / 3], [5, 5]])).colorbar_.extend == "max"
    assert plot_uncertainty(TWO, ROWS).colorbar_.extend == "neither"


def test_many_rows_are_thinned(rng):
    X = rng.normal(size=(MAX_POINTS + 100, 2))
    display = plot_uncertainty(TWO, X)
    assert len(display.points_.get_offsets()) == MAX_POINTS
    assert len(display.uncertainty) == len(X)


def test_scatter_kwargs_have_the_last_word():
    display = plot_uncertainty(TWO, ROWS, scatter_kwargs={"s": 7, "cmap": "Greys"})
    assert_array_equal(display.points_.get_sizes(), [7])
    assert display.points_.get_cmap().name == "Greys"
