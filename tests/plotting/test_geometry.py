"""Circles and ellipses as numbers, worked out by hand."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2

from fastmix.engine.covariances import COVARIANCES
from fastmix.plotting._geometry import (
    cluster_radii,
    covariance_matrices,
    ellipse_axes,
    marginal,
    n_std_of_levels,
)


def rotated(major, minor, degrees):
    """Covariance with these standard deviations along axes turned by an angle."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cos, -sin], [sin, cos]])
    return turn @ np.diag([major**2, minor**2]) @ turn.T


# --- ellipses ------------------------------------------------------------------------------------


def test_the_identity_is_a_circle_of_radius_one():
    semi_axes, _ = ellipse_axes(np.eye(2)[np.newaxis])
    assert_allclose(semi_axes, [[1, 1]])


@pytest.mark.parametrize(("variances", "angle"), [((4, 1), 0), ((1, 4), 90)])
def test_a_diagonal_covariance_lies_along_the_feature_that_varies_most(variances, angle):
    semi_axes, angles = ellipse_axes(np.diag(np.array(variances, dtype=float))[np.newaxis])
    assert_allclose(semi_axes, [[2, 1]])
    assert_allclose(np.abs(angles), [angle], atol=1e-12)


@pytest.mark.parametrize("degrees", [-89, -45, -30, 0, 10, 45, 60, 89])
def test_a_rotated_covariance_has_the_angle_it_was_rotated_by(degrees):
    semi_axes, angles = ellipse_axes(rotated(3, 0.5, degrees)[np.newaxis])
    assert_allclose(semi_axes, [[3, 0.5]])
    assert_allclose(angles, [degrees], atol=1e-9)


def test_angles_stay_within_a_quarter_turn_of_the_x_axis(rng):
    _, angles = ellipse_axes(np.stack([rotated(2, 1, a) for a in rng.uniform(-360, 360, 200)]))
    assert np.all(np.abs(angles) <= 90)


def test_several_ellipses_are_those_of_each_alone(rng):
    covariances = np.stack([rotated(2, 1, 20), rotated(5, 4, -70), rotated(1, 0.1, 45)])
    semi_axes, angles = ellipse_axes(covariances)
    for c in range(3):
        one_semi_axes, one_angle = ellipse_axes(covariances[c : c + 1])
        assert_array_equal(semi_axes[c], one_semi_axes[0])
        assert_array_equal(angles[c], one_angle[0])


def test_a_flat_covariance_is_a_line_not_a_nan():
    semi_axes, angles = ellipse_axes(np.array([[[1.0, 0.3], [0.3, 0.09]]]))  # (1, 0.3)' (1, 0.3)
    assert_allclose(semi_axes, [[np.sqrt(1.09), 0]], atol=1e-7)
    assert_allclose(angles, [np.degrees(np.arctan(0.3))])


def test_a_variance_that_rounding_made_negative_is_none():
    semi_axes, _ = ellipse_axes(np.array([[[1.0, 1.0], [1.0, 1.0 - 1e-9]]]))
    assert_allclose(semi_axes, [[np.sqrt(2), 0]])


# --- covariance types ----------------------------------------------------------------------------

KEPT = {
    "full": [[[2.0, 1.0], [1.0, 3.0]], [[1.0, 0.0], [0.0, 4.0]]],
    "tied": [[2.0, 1.0], [1.0, 3.0]],
    "diag": [[2.0, 3.0], [1.0, 4.0]],
    "spherical": [2.0, 5.0],
    "tied_diag": [2.0, 3.0],
    "tied_spherical": 2.0,
}
SPREAD = {
    "full": KEPT["full"],
    "tied": [[[2, 1], [1, 3]], [[2, 1], [1, 3]]],
    "diag": [[[2, 0], [0, 3]], [[1, 0], [0, 4]]],
    "spherical": [[[2, 0], [0, 2]], [[5, 0], [0, 5]]],
    "tied_diag": [[[2, 0], [0, 3]]] * 2,
    "tied_spherical": [[[2, 0], [0, 2]]] * 2,
}


def test_every_type_becomes_a_matrix_for_each_component(covariance_type):
    got = covariance_matrices(KEPT[covariance_type], covariance_type, 2, 2)
    assert_array_equal(got, SPREAD[covariance_type])


def test_one_component_is_one_matrix(covariance_type):
    kept = KEPT[covariance_type]
    kept = kept if covariance_type.startswith("tied") else kept[:1]
    assert_array_equal(
        covariance_matrices(kept, covariance_type, 1, 2), SPREAD[covariance_type][:1]
    )


def test_matrices_are_the_naive_ones_in_more_dimensions(covariance_type, rng):
    k, d = 4, 3
    kept = rng.uniform(1, 2, COVARIANCES[covariance_type].shape(k, d))
    expected = naive.to_full(kept, covariance_type, k, d)
    assert_array_equal(covariance_matrices(kept, covariance_type, k, d), expected)


def test_an_unknown_type_is_refused():
    with pytest.raises(ValueError, match=r"covariance_type must be one of .*'full'.* got 'round'"):
        covariance_matrices([1.0], "round", 1, 2)


def test_a_marginal_takes_the_entries_of_its_features_in_their_order():
    means = np.array([[10.0, 20.0, 30.0]])
    matrices = np.array([[[1.0, 2.0, 3.0], [2.0, 5.0, 6.0], [3.0, 6.0, 9.0]]])
    means, covariances = marginal(means, matrices, (2, 0))
    assert_array_equal(means, [[30, 10]])
    assert_array_equal(covariances, [[[9, 3], [3, 1]]])


# --- levels --------------------------------------------------------------------------------------


def test_levels_become_the_quantiles_of_chi_squared():
    levels = np.array([1e-6, 0.1, 0.393469340287, 0.5, 0.9, 0.99, 1 - 1e-9])
    assert_allclose(n_std_of_levels(levels), np.sqrt(chi2.ppf(levels, 2)), rtol=1e-7)
    assert n_std_of_levels(1 - np.exp(-0.5)) == pytest.approx(1)


# --- circles -------------------------------------------------------------------------------------


def test_a_circle_reaches_the_farthest_point_of_its_cluster():
    points = np.array([[0.0, 1.0], [3.0, 4.0], [10.0, 0.0], [10.0, -2.0]])
    centers = np.array([[0.0, 0.0], [10.0, 0.0]])
    assert_array_equal(cluster_radii(points, centers, np.array([0, 0, 1, 1]), 1.0), [5, 2])


def test_a_quantile_of_the_distances_leaves_the_farthest_out():
    points = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0], [0.0, -4.0], [100.0, 0.0]])
    labels = np.zeros(5, dtype=int)
    assert_array_equal(cluster_radii(points, np.zeros((1, 2)), labels, 0.5), [3])
    assert_array_equal(cluster_radii(points, np.zeros((1, 2)), labels, 0.75), [4])


def test_a_cluster_without_points_has_no_reach():
    radii = cluster_radii(np.ones((1, 2)), np.array([[1.0, 0.0], [9.0, 9.0]]), np.array([0]), 1.0)
    assert_array_equal(radii, [1, 0])
