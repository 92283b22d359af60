"""plot_projection, seen through what it put on the axes."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

from fastmix.plotting import plot_projection
from fastmix.plotting._geometry import ellipse_axes
from fastmix.plotting._style import palette


@pytest.fixture
def rows(rng):
    return rng.normal(size=(60, 4)) * [5.0, 3.0, 1.0, 0.5] + 7


@pytest.fixture
def two(mixture, rng):
    root = rng.normal(size=(2, 4, 4))
    means = [[4.0, 7.0, 7.0, 7.0], [12.0, 8.0, 7.0, 7.0]]
    return mixture(means, root @ root.swapaxes(1, 2), weights=[0.4, 0.6])


def test_rows_are_projected_onto_the_principal_plane(two, rows):
    display = plot_projection(two, rows)
    expected = PCA(2).fit_transform(rows)
    assert_allclose(np.abs(display.points_.get_offsets()), np.abs(expected))
    assert display.ax_.get_xlabel().startswith("principal axis 1  (")
    assert display.ax_.get_xlabel().endswith(" of the variance)")


def test_ellipses_are_those_of_projected_covariances(two, rows):
    display = plot_projection(two, rows, n_std=3)
    origin, axes, _ = display.plane
    projected = axes @ two.covariances_ @ axes.T
    semi_axes, angles = ellipse_axes(projected)
    assert_allclose([e.center for e in display.components_], (two.means_ - origin) @ axes.T)
    assert_allclose([(e.width, e.height) for e in display.components_], 6 * semi_axes)
    assert_allclose([e.angle for e in display.components_], angles)


def test_levels_take_the_place_of_standard_deviations(two, rows):
    display = plot_projection(two, rows, levels=(0.5, 0.9))
    semi_axes, _ = ellipse_axes(display.clustering.matrices)
    expected = 2 * np.sqrt(2 * np.log(2)) * semi_axes[0, 0]
    assert display.components_[0].width == pytest.approx(expected)
    assert len(display.components_) == 4


def test_on_the_separating_plane_the_average_component_is_a_circle(two, rows):
    display = plot_projection(two, rows, plane="separating")
    average = np.einsum("c,cij->ij", two.weights_, display.clustering.matrices)
    assert_allclose(average, np.eye(2), atol=1e-9)
    assert display.ax_.get_xlabel() == "separating axis 1  (100 % of the distances of means)"
    assert display.ax_.get_ylabel() == "separating axis 2  (0 % of the distances of means)"


def test_of_k_means_the_average_is_that_of_its_clusters(clusters, rows):
    model = clusters([[4.0, 7.0, 7.0, 7.0], [12.0, 8.0, 7.0, 7.0]])
    display = plot_projection(model, rows, plane="separating")
    apart = display.clustering.rows - display.clustering.means[display.clustering.labels]
    assert_allclose(apart.T @ apart / len(rows), np.eye(2), atol=1e-9)
    (marks,) = display.components_
    assert_array_equal(marks.get_offsets(), display.clustering.means)


def test_points_and_ellipses_have_the_colour_of_their_component(two, rows):
    display = plot_projection(two, rows, n_std=1)
    rgb = palette(2)[:, :3]
    assert_array_equal(display.points_.get_facecolors()[:, :3], rgb[two.predict(rows)])
    assert_array_equal([e.get_facecolor()[:3] for e in display.components_], rgb)
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == ["0  (40 %)", "1  (60 %)"]


@pytest.mark.parametrize("plane", ["tilted", None, 2])
def test_another_plane_is_refused(two, rows, plane):
    with pytest.raises(
        ValueError, match=r"plane must be one of \['principal', 'separating'\], got"
    ):
        plot_projection(two, rows, plane=plane)
    assert not plt.get_fignums()
