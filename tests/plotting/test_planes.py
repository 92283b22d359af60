"""Planes through many features, against NumPy and scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from fastmix.plotting._planes import pooled_covariance, principal_plane, separating_plane


@pytest.fixture
def groups(rng):
    """Rows of four groups in five features, their labels, and the means of these."""
    labels = np.arange(200) % 4
    stretch = rng.normal(size=(5, 5))
    rows = 3 * rng.normal(size=(4, 5))[labels] + rng.normal(size=(200, 5)) @ stretch
    means = np.array([rows[labels == c].mean(0) for c in range(4)])
    return rows, labels, means


def test_the_principal_plane_is_that_of_scikit_learn(groups):
    rows, _, _ = groups
    found = principal_plane(rows)
    expected = PCA(2).fit(rows)
    assert_allclose(found.origin, expected.mean_)
    assert_allclose(np.abs(found.axes), np.abs(expected.components_))
    assert_allclose(found.shares, expected.explained_variance_ratio_)
    assert_allclose(found.axes @ found.axes.T, np.eye(2), atol=1e-12)


def test_an_axis_points_to_where_its_largest_entry_is_positive(groups):
    rows, _, _ = groups
    for X in (rows, -rows):
        axes = principal_plane(X).axes
        assert (axes[range(2), np.abs(axes).argmax(1)] > 0).all()


def test_a_single_row_and_equal_rows_have_a_plane_with_nothing_in_it():
    for rows in (np.ones((1, 3)), np.ones((4, 3))):
        found = principal_plane(rows)
        assert np.isfinite(found.axes).all()
        assert_allclose((rows - found.origin) @ found.axes.T, 0)
        assert_allclose(found.shares, 0)


def test_the_separating_plane_is_that_of_linear_discriminants(groups):
    rows, labels, means = groups
    pooled = np.broadcast_to(pooled_covariance(rows, labels, means), (4, 5, 5))
    found = separating_plane(rows, np.full(4, 0.25), means, pooled)
    model = LinearDiscriminantAnalysis(solver="eigen", n_components=2).fit(rows, labels)
    mine, theirs = (rows - found.origin) @ found.axes.T, model.transform(rows)
    for i in range(2):
        assert abs(np.corrcoef(mine[:, i], theirs[:, i])[0, 1]) == pytest.approx(1, abs=1e-9)
    assert_allclose(found.shares, model.explained_variance_ratio_, rtol=1e-6)
    assert_allclose(found.axes @ pooled[0] @ found.axes.T, np.eye(2), atol=1e-9)


def test_the_unit_of_a_feature_does_not_matter_to_the_separating_plane(groups):
    rows, labels, means = groups
    unit = np.array([1e-3, 1.0, 1e4, 7.0, 1.0])
    drawn = []
    for scale in (1.0, unit):
        pooled = np.broadcast_to(pooled_covariance(rows * scale, labels, means * scale), (4, 5, 5))
        found = separating_plane(rows * scale, np.ones(4), means * scale, pooled)
        drawn.append(np.abs((rows * scale - found.origin) @ found.axes.T))
    assert_allclose(*drawn, atol=1e-6)


def test_between_two_means_the_second_axis_is_one_along_which_rows_vary(groups):
    rows, _, _ = groups
    labels = np.arange(200) % 2
    means = np.array([rows[labels == c].mean(0) for c in range(2)])
    pooled = np.broadcast_to(pooled_covariance(rows, labels, means), (2, 5, 5))
    found = separating_plane(rows, np.ones(2), means, pooled)
    assert_allclose(found.shares, [1, 0], atol=1e-6)
    drawn = (rows - found.origin) @ found.axes.T
    assert drawn[:, 1].var() > 0.5
    assert_allclose((means[1] - means[0]) @ found.axes[1], 0, atol=1e-4)


def test_a_constant_feature_and_a_single_mean_do_no_harm(groups):
    rows, labels, _ = groups
    rows = np.column_stack([rows, np.ones(200)])
    means = rows.mean(0)[None]
    pooled = pooled_covariance(rows, np.zeros_like(labels), means)[None]
    found = separating_plane(rows, np.ones(1), means, pooled)
    assert np.isfinite(found.axes).all()
    assert_allclose(found.shares, 0)


def test_rows_that_are_all_the_same_have_a_plane_too():
    found = separating_plane(np.ones((4, 2)), np.ones(1), np.ones((1, 2)), np.zeros((1, 2, 2)))
    assert np.isfinite(found.axes).all()
