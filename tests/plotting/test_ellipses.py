"""plot_gmm, seen through what it put on the axes; what plot_kmeans shares is tested there."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import Ellipse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.mixture import BayesianGaussianMixture

from fastmix import GaussianMixture
from fastmix.engine.covariances import COVARIANCES
from fastmix.plotting import plot_gmm
from fastmix.plotting._geometry import ellipse_axes
from fastmix.plotting._style import palette

FOUR = np.array([[0.0, 1.0], [3.0, 4.0], [10.0, 0.0], [10.0, -2.0]])
TWO = [[0.0, 0.0], [10.0, 0.0]]
ROUND = [np.eye(2), np.eye(2)]


def points(ax):
    """What draws the rows."""
    return ax.collections[0]


# --- what is drawn -------------------------------------------------------------------------------


def test_three_ellipses_for_each_component(mixture):
    ax = plot_gmm(mixture(TWO, [np.diag([4, 1]), np.diag([1, 9])]), FOUR)
    assert all(type(patch) is Ellipse for patch in ax.patches)
    first, second = ax.patches[:3], ax.patches[3:]
    assert_array_equal([e.center for e in ax.patches], np.repeat(TWO, 3, axis=0))
    assert_allclose([(e.width, e.height) for e in first], [(4, 2), (8, 4), (12, 6)])
    assert_allclose([(e.width, e.height) for e in second], [(6, 2), (12, 4), (18, 6)])
    assert_allclose([abs(e.angle) for e in ax.patches], [0, 0, 0, 90, 90, 90], atol=1e-12)
    assert_array_equal(points(ax).get_offsets(), FOUR)


def test_a_correlated_component_is_turned(mixture):
    covariance = [[2.5, 1.5], [1.5, 2.5]]  # variances 4 and 1 along the diagonals
    (ellipse,) = plot_gmm(mixture([[1, 2]], [covariance]), FOUR, n_std=1).patches
    assert (ellipse.width, ellipse.height) == pytest.approx((4, 2))
    assert ellipse.angle == pytest.approx(45)


def test_the_frame_holds_the_ellipses_and_not_the_origin(mixture):
    ax = plot_gmm(mixture([[200, 50]], [np.diag([4, 1])]), FOUR + np.array([200, 50]))
    (left, right), (bottom, top) = ax.dataLim.intervalx, ax.dataLim.intervaly
    assert 194 >= left > 190
    assert right >= 206
    assert 47 >= bottom > 40
    assert top >= 53


@pytest.mark.parametrize(
    ("covariance_type", "covariances", "sizes", "angles"),
    [
        ("full", [np.diag([4, 1]), np.diag([1, 9])], [(4, 2), (6, 2)], [0, 90]),
        ("tied", np.diag([4, 1]), [(4, 2), (4, 2)], [0, 0]),
        ("diag", [[4, 1], [1, 9]], [(4, 2), (6, 2)], [0, 90]),
        ("spherical", [4, 9], [(4, 4), (6, 6)], None),
        ("tied_diag", [1, 9], [(6, 2), (6, 2)], [90, 90]),
        ("tied_spherical", 9, [(6, 6), (6, 6)], None),
    ],
)
def test_every_covariance_type(mixture, covariance_type, covariances, sizes, angles):
    ax = plot_gmm(mixture(TWO, covariances, covariance_type), FOUR, n_std=1)
    assert_allclose([(e.width, e.height) for e in ax.patches], sizes)
    if angles is not None:
        assert_allclose([abs(e.angle) for e in ax.patches], angles, atol=1e-12)


def test_each_librarys_fit_in_every_covariance_type(library, covariance_type, blobs):
    X = blobs(n=90, k=3).X
    if COVARIANCES[covariance_type].untied and library.GaussianMixture is not GaussianMixture:
        pytest.skip(f"scikit-learn has no {covariance_type}")
    model = library.GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    ax = plot_gmm(model, X, n_std=1)
    assert len(ax.patches) == 3
    for c, ellipse in enumerate(ax.patches):
        kept = model.covariances_ if covariance_type.startswith("tied") else model.covariances_[c]
        covariance = kept if np.ndim(kept) == 2 else np.diag(np.broadcast_to(kept, 2))
        assert_allclose(ellipse.center, model.means_[c])
        area = np.pi * ellipse.width * ellipse.height / 4
        assert area == pytest.approx(np.pi * np.sqrt(np.linalg.det(covariance)), rel=1e-6)


def test_one_component(library, blobs):
    X = blobs(n=40, k=1).X
    model = library.GaussianMixture(1)
    (ellipse,) = plot_gmm(model, X, n_std=2).patches
    (semi_axes,), (angle,) = ellipse_axes(np.cov(X.T, bias=True)[np.newaxis])
    assert_allclose(ellipse.center, X.mean(axis=0))
    assert (ellipse.width, ellipse.height) == pytest.approx(tuple(4 * semi_axes), rel=1e-5)
    assert ellipse.angle == pytest.approx(angle, abs=1e-3)
    assert_allclose(ellipse.get_facecolor()[:3], points(plt.gca()).get_facecolors()[0, :3])


def test_a_bayesian_mixture(blobs):
    model = BayesianGaussianMixture(n_components=2, random_state=0)
    ax = plot_gmm(model, blobs(n=60, k=2).X)
    assert_array_equal([e.center for e in ax.patches], np.repeat(model.means_, 3, axis=0))


def test_in_more_dimensions_ellipses_are_those_of_the_marginal(mixture):
    covariance = np.array([[1.0, 0.0, 1.5], [0.0, 100.0, 0.0], [1.5, 0.0, 9.0]])
    model = mixture([[1, 2, 3]], [covariance])
    X = np.arange(12.0).reshape(4, 3)
    (ellipse,) = plot_gmm(model, X, dims=(2, 0), n_std=1).patches
    assert_array_equal(ellipse.center, [3, 1])
    turn = np.radians(ellipse.angle)
    major, minor = [np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]
    got = (ellipse.width / 2) ** 2 * np.outer(major, major)
    got += (ellipse.height / 2) ** 2 * np.outer(minor, minor)
    assert_allclose(got, [[9, 1.5], [1.5, 1]])
    ax = plt.gca()
    assert_array_equal(points(ax).get_offsets(), X[:, [2, 0]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 2", "feature 0")


# --- colours -------------------------------------------------------------------------------------


def test_opacity_is_proportional_to_the_weight(mixture):
    weights = np.array([0.5, 0.3, 0.2])
    means = [[0, 0], [5, 0], [10, 0]]
    ax = plot_gmm(mixture(means, np.ones(3), "spherical", weights), FOUR)
    for of in (Ellipse.get_facecolor, Ellipse.get_edgecolor):
        alpha = np.array([of(ellipse)[3] for ellipse in ax.patches]).reshape(3, 3)
        expected = np.repeat(alpha[0, 0] * weights / weights[0], 3).reshape(3, 3)
        assert_allclose(alpha, expected)
    assert ax.patches[0].get_facecolor()[3] == 0.2


def test_ellipses_have_the_colour_of_their_points(mixture):
    ax = plot_gmm(mixture(TWO, ROUND), FOUR)
    rgb = palette(2)[:, :3]
    assert_array_equal(points(ax).get_facecolors()[:, :3], rgb[[0, 0, 1, 1]])
    assert_array_equal([e.get_facecolor()[:3] for e in ax.patches], rgb[[0, 0, 0, 1, 1, 1]])


def test_without_labels_everything_has_one_colour(mixture):
    ax = plot_gmm(mixture(TWO, ROUND), FOUR, label=False)
    rows = points(ax).get_facecolors()[:, :3]
    ellipses = [e.get_facecolor()[:3] for e in ax.patches]
    assert len(np.unique(np.concatenate([rows, ellipses]), axis=0)) == 1


@pytest.mark.parametrize("k", [1, 6, 7, 40])
def test_as_many_colours_as_components(k):
    colors = palette(k)
    assert colors.shape == (k, 4)
    assert len(np.unique(colors, axis=0)) == k
    assert_array_equal(colors[:, 3], 1)


def test_ellipses_lie_beneath_the_points(mixture):
    ax = plot_gmm(mixture(TWO, ROUND), FOUR)
    assert all(ellipse.get_zorder() < points(ax).get_zorder() for ellipse in ax.patches)


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_std", [2, 2.0, [2], (2,), np.array([2.0])])
def test_one_standard_deviation_or_several(mixture, n_std):
    (ellipse,) = plot_gmm(mixture([[0, 0]], [np.eye(2)]), FOUR, n_std=n_std).patches
    assert (ellipse.width, ellipse.height) == pytest.approx((4, 4))


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_a_level_holds_that_part_of_its_component(mixture, rng, level):
    covariance = np.array([[3.0, 1.2], [1.2, 0.8]])
    model = mixture([[4, -2]], [covariance])
    (ellipse,) = plot_gmm(model, FOUR, levels=level).patches
    sample = rng.multivariate_normal([4, -2], covariance, 100_000)
    outline = ellipse.get_path().transformed(ellipse.get_patch_transform())
    inside = outline.contains_points(sample).mean()
    assert inside == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 100_000) + 1e-3)


def test_levels_take_the_place_of_standard_deviations(mixture):
    ax = plot_gmm(mixture([[0, 0]], [np.eye(2)]), FOUR, n_std=7, levels=(1 - np.exp(-2), 0.9))
    assert [e.width for e in ax.patches] == pytest.approx([4, 2 * np.sqrt(2 * np.log(10))])


# --- the model, the rows and the axes ------------------------------------------------------------


def test_a_model_not_yet_fitted_is_fitted_in_place(library, blobs):
    X = blobs(n=60).X
    model = library.GaussianMixture(3, random_state=0)
    plot_gmm(model, X)
    expected = library.GaussianMixture(3, random_state=0).fit(X)
    assert_array_equal(model.means_, expected.means_)


def test_a_fitted_model_is_drawn_as_it_is(library, blobs, unchanged):
    X = blobs(n=60).X
    model = library.GaussianMixture(3, random_state=0).fit(X)
    with unchanged(model):
        plot_gmm(model, X + 0.5)


def test_rows_are_not_changed(library, blobs, unchanged):
    X = blobs(n=60).X
    with unchanged(X):
        plot_gmm(library.GaussianMixture(3, random_state=0), X)


def test_columns_of_a_data_frame_name_the_axes(library, blobs):
    frame = pd.DataFrame(blobs(n=60).X, columns=["length", "width"])
    ax = plot_gmm(library.GaussianMixture(3, random_state=0), frame)
    assert_array_equal(points(ax).get_offsets(), frame)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "width")


def test_the_axes_given_are_used_and_returned(mixture):
    _, (left, right) = plt.subplots(1, 2)
    assert plot_gmm(mixture(TWO, ROUND), FOUR, ax=right) is right
    assert len(right.patches) == 6
    assert not left.patches


def test_the_current_axes_are_used_as_in_the_article(mixture):
    figure = plt.figure(dpi=175)
    ax = plot_gmm(mixture(TWO, ROUND), FOUR)
    assert figure.axes == [ax]


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_std", [0, -1, (1, 0), (), np.nan, np.inf, "one", None, [[1, 2]]])
def test_standard_deviations_must_be_positive(mixture, n_std):
    with pytest.raises(ValueError, match=r"n_std must be one or more numbers in \(0, inf\), got"):
        plot_gmm(mixture(TWO, ROUND), FOUR, n_std=n_std)


@pytest.mark.parametrize("levels", [0, 1, (0.5, 1.0), (-0.1,), (), np.nan, "half", (50, 90)])
def test_levels_must_be_probabilities(mixture, levels):
    with pytest.raises(ValueError, match=r"levels must be one or more numbers in \(0, 1\), got"):
        plot_gmm(mixture(TWO, ROUND), FOUR, levels=levels)


def test_dims_must_be_two_different_features(mixture):
    with pytest.raises(ValueError, match=r"dims must be two different features from 0 to 1, got"):
        plot_gmm(mixture(TWO, ROUND), FOUR, dims=(0, 5))


def test_one_feature_is_refused(mixture):
    with pytest.raises(ValueError, match="at least 2 features"):
        plot_gmm(mixture([[0]], [[[1]]]), [[0.0], [1.0]])


def test_rows_must_have_the_models_features(mixture):
    with pytest.raises(ValueError, match="the 2 features that the model was fitted on, got 3"):
        plot_gmm(mixture(TWO, ROUND), np.ones((4, 3)))


def test_k_means_is_refused_with_a_way_out():
    with pytest.raises(TypeError, match=r"model must have means_ once fitted, got KMeans; pass"):
        plot_gmm(KMeans(2, random_state=0), FOUR)


def test_nothing_is_fitted_or_drawn_when_something_is_wrong(library):
    model = library.GaussianMixture(2)
    with pytest.raises(ValueError, match="levels"):
        plot_gmm(model, FOUR, levels=2)
    assert not hasattr(model, "means_")
    assert not plt.get_fignums()
