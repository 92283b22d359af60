"""plot_kmeans, seen through what it put on the axes."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastmix.plotting import plot_kmeans
from fastmix.plotting._style import MAX_POINTS, palette

FOUR = np.array([[0.0, 1.0], [3.0, 4.0], [10.0, 0.0], [10.0, -2.0]])
TWO = [[0.0, 0.0], [10.0, 0.0]]


def points(ax):
    """What draws the rows."""
    return ax.collections[0]


def test_importing_plots_does_not_import_matplotlib():
    code = "import sys, fastmix.plotting; assert 'matplotlib' not in sys.modules"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


# --- what is drawn -------------------------------------------------------------------------------


def test_four_points_two_circles(clusters):
    ax = plot_kmeans(clusters(TWO), FOUR)
    assert [type(patch) for patch in ax.patches] == [Circle, Circle]
    assert_array_equal([circle.center for circle in ax.patches], TWO)
    assert [circle.radius for circle in ax.patches] == [5, 2]
    assert_array_equal(points(ax).get_offsets(), FOUR)
    assert_array_equal(ax.collections[1].get_offsets(), TWO)  # the marks of the centers


def test_circles_reach_as_far_as_each_librarys_clusters(library, blobs):
    X = blobs(n=90, k=4).X
    model = library.KMeans(n_clusters=4, random_state=0)
    ax = plot_kmeans(model, X)
    dist = model.transform(X)
    labels = model.predict(X)
    expected = [dist[labels == c, c].max() for c in range(4)]
    assert_allclose([circle.center for circle in ax.patches], model.cluster_centers_)
    assert_allclose([circle.radius for circle in ax.patches], expected)


def test_points_have_the_colour_of_their_cluster(clusters):
    ax = plot_kmeans(clusters(TWO), FOUR)
    rgb = points(ax).get_facecolors()[:, :3]
    assert_array_equal(rgb, palette(2)[[0, 0, 1, 1], :3])


def test_without_labels_there_is_one_colour_and_the_same_circles(clusters):
    ax = plot_kmeans(clusters(TWO), FOUR, label=False)
    assert len(np.unique(points(ax).get_facecolors(), axis=0)) == 1
    assert [circle.radius for circle in ax.patches] == [5, 2]


def test_circles_lie_beneath_points_and_centers_above(clusters):
    ax = plot_kmeans(clusters(TWO), FOUR)
    rows, centers = ax.collections
    assert all(circle.get_zorder() < rows.get_zorder() for circle in ax.patches)
    assert rows.get_zorder() < centers.get_zorder()


def test_a_smaller_quantile_draws_a_smaller_circle(clusters):
    X = [[1, 0], [0, 2], [-3, 0], [0, -4], [100, 0]]
    ax = plot_kmeans(clusters([[0, 0]]), X, quantile=0.75)
    assert ax.patches[0].radius == 4


def test_in_more_dimensions_distances_are_those_in_the_plane(clusters):
    X = np.array([[1.0, 50.0, 9.0], [5.0, -50.0, 10.0]])
    ax = plot_kmeans(clusters([[1, 0, 7]]), X, dims=(2, 0))
    assert_array_equal(points(ax).get_offsets(), [[9, 1], [10, 5]])
    assert ax.patches[0].center == (7, 1)
    assert ax.patches[0].radius == 5
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 2", "feature 0")


def test_a_cluster_without_rows_is_a_mark_without_a_circle(clusters):
    ax = plot_kmeans(clusters([*TWO, [50, 50]]), FOUR)
    assert [circle.radius for circle in ax.patches] == [5, 2, 0]


def test_everything_drawn_is_within_the_limits_and_round(clusters):
    ax = plot_kmeans(clusters(TWO), FOUR)
    ax.figure.canvas.draw()
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert left <= -5 < 12 <= right
    assert bottom <= -5 < 5 <= top
    assert ax.get_aspect() == 1


def test_axes_that_share_both_scales_can_be_drawn(clusters):
    figure, (left, right) = plt.subplots(1, 2, sharex=True, sharey=True)
    plot_kmeans(clusters(TWO), FOUR, ax=left)
    plot_kmeans(clusters(TWO), FOUR, ax=right)
    figure.canvas.draw()
    assert left.get_aspect() == right.get_aspect() == 1
    assert left.get_xlim() == right.get_xlim()


def test_many_points_are_thinned_the_same_way_but_circles_are_not(clusters, rng):
    X = rng.normal(size=(MAX_POINTS + 1000, 2))
    model = clusters([[0, 0]])
    first, second = (plot_kmeans(model, X, ax=plt.figure().gca()) for _ in range(2))
    drawn = points(first).get_offsets()
    assert len(drawn) == MAX_POINTS
    assert points(first).get_rasterized()
    assert_array_equal(drawn, points(second).get_offsets())
    assert first.patches[0].radius == pytest.approx(np.linalg.norm(X, axis=1).max())


def test_thinned_points_keep_their_colours(clusters, rng):
    X = rng.normal(size=(MAX_POINTS + 1000, 2))
    drawn = points(plot_kmeans(clusters([[-1, 0], [1, 0]]), X))
    cluster = (drawn.get_offsets()[:, 0] > 0).astype(int)
    assert_array_equal(drawn.get_facecolors()[:, :3], palette(2)[cluster, :3])


def test_more_points_are_smaller_and_fainter(clusters, rng):
    model = clusters([[0, 0]])
    few = points(plot_kmeans(model, rng.normal(size=(100, 2))))
    many = points(plot_kmeans(model, rng.normal(size=(10_000, 2)), ax=plt.figure().gca()))
    assert many.get_sizes()[0] < few.get_sizes()[0]
    assert many.get_alpha() < few.get_alpha()
    assert not few.get_rasterized()


@pytest.mark.parametrize("colour", ["c", "color", "facecolor", "facecolors"])
def test_scatter_kwargs_have_the_last_word(clusters, colour):
    ax = plot_kmeans(clusters(TWO), FOUR, scatter_kwargs={colour: "red", "s": 3, "alpha": 0.5})
    assert_array_equal(points(ax).get_facecolors(), [[1, 0, 0, 0.5]])
    assert_array_equal(points(ax).get_sizes(), [3])


# --- where it is drawn ---------------------------------------------------------------------------


def test_the_current_axes_are_used_as_in_the_article(clusters):
    figure = plt.figure(dpi=175)
    ax = plot_kmeans(clusters(TWO), FOUR)
    assert isinstance(ax, Axes)
    assert figure.axes == [ax]


def test_the_axes_given_are_used_and_returned(clusters):
    _, (left, right) = plt.subplots(1, 2)
    assert plot_kmeans(clusters(TWO), FOUR, left) is left
    assert len(left.patches) == 2
    assert not right.patches


# --- the model and the rows ----------------------------------------------------------------------


def test_a_model_not_yet_fitted_is_fitted_in_place(library, blobs):
    X = blobs(n=60).X
    model = library.KMeans(n_clusters=3, random_state=0)
    plot_kmeans(model, X)
    expected = library.KMeans(n_clusters=3, random_state=0).fit(X)
    assert_array_equal(model.cluster_centers_, expected.cluster_centers_)


def test_a_fitted_model_is_drawn_as_it_is(library, blobs, unchanged):
    X = blobs(n=60).X
    model = library.KMeans(n_clusters=3, random_state=0).fit(X)
    with unchanged(model):
        plot_kmeans(model, X + 0.5)


def test_rows_are_not_changed(library, blobs, unchanged):
    X = blobs(n=60).X
    with unchanged(X):
        plot_kmeans(library.KMeans(n_clusters=3, random_state=0), X)


def test_rows_may_be_lists(library):
    ax = plot_kmeans(library.KMeans(n_clusters=2, random_state=0), FOUR.tolist())
    assert_array_equal(points(ax).get_offsets(), FOUR)


def test_columns_of_a_data_frame_name_the_axes(library):
    frame = pd.DataFrame({"a": FOUR[:, 0], "b": [7.0] * 4, "c": FOUR[:, 1]})
    ax = plot_kmeans(library.KMeans(n_clusters=2, random_state=0), frame, dims=(0, 2))
    assert_array_equal(points(ax).get_offsets(), FOUR)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "c")


def test_two_features_without_names_leave_the_axes_as_they_are(clusters):
    ax = plt.gca()
    ax.set_xlabel("mine")
    plot_kmeans(clusters(TWO), FOUR)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mine", "")


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantile", [0, -0.5, 1.01, np.nan, "half", None, [0.5, 0.9]])
def test_quantiles_outside_their_range_are_refused(clusters, quantile):
    with pytest.raises(ValueError, match=r"quantile must be a number in \(0, 1\], got"):
        plot_kmeans(clusters(TWO), FOUR, quantile=quantile)


@pytest.mark.parametrize("dims", [(0, 2), (-1, 0), (1, 1), (0,), (0, 1, 2), (0.0, 1.0), "ab", None])
def test_dims_must_be_two_different_features(clusters, dims):
    with pytest.raises(ValueError, match=r"dims must be two different features from 0 to 1, got"):
        plot_kmeans(clusters(TWO), FOUR, dims=dims)


def test_one_feature_is_refused_with_a_way_out(clusters):
    with pytest.raises(ValueError, match=r"at least 2 features .* got 1; .* histogram"):
        plot_kmeans(clusters([[0], [1]]), [[0.0], [1.0]])


@pytest.mark.parametrize("X", [[1.0, 2.0], np.empty((0, 2)), np.ones((2, 2, 2))])
def test_rows_must_be_a_table(clusters, X):
    with pytest.raises(ValueError, match=r"X must have shape \(n, d\) .* got shape"):
        plot_kmeans(clusters(TWO), X)


def test_sparse_rows_are_refused_with_a_way_out(clusters):
    with pytest.raises(TypeError, match=r"X must be dense.*X\.toarray\(\)"):
        plot_kmeans(clusters(TWO), csr_array(FOUR))


def test_rows_must_have_the_models_features(clusters):
    with pytest.raises(ValueError, match="the 2 features that the model was fitted on, got 3"):
        plot_kmeans(clusters(TWO), np.ones((4, 3)))


@pytest.mark.parametrize(
    "model", [None, StandardScaler(), GaussianMixture(2), make_pipeline(StandardScaler())]
)
def test_a_model_of_another_kind_is_refused(model):
    with pytest.raises(TypeError, match=r"model must have .*, got \w+; pass a KMeans to plot_kme"):
        plot_kmeans(model, FOUR)


def test_an_array_of_axes_is_refused_with_a_way_out(clusters):
    _, axes = plt.subplots(1, 2)
    with pytest.raises(TypeError, match=r"ax must be a matplotlib Axes .* got ndarray; .* axes\[0"):
        plot_kmeans(clusters(TWO), FOUR, ax=axes)


def test_markers_that_are_not_filled_are_drawn_with_lines(clusters):
    for options in ({"marker": "+"}, {"facecolors": "none", "edgecolors": "k"}):
        plt.figure()
        ax = plot_kmeans(clusters(TWO), FOUR, scatter_kwargs=options)
        assert points(ax).get_linewidths()[0] > 0


def test_features_of_very_different_spread_keep_a_scale_each(clusters):
    assert plot_kmeans(clusters(TWO), FOUR).get_aspect() == 1
    plt.figure()
    far = np.array([1.0, 1000.0])
    assert plot_kmeans(clusters(TWO * far), FOUR * far).get_aspect() == "auto"


def test_of_features_of_very_different_spread_the_frame_holds_the_rows(clusters):
    X = np.array([[0.0, 0.0], [1.0, 100.0], [0.0, 1000.0], [1.0, 1100.0]])
    ax = plot_kmeans(clusters([[0.5, 50.0], [0.5, 1050.0]]), X)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert -0.2 < left < 0 < 1 < right < 1.2
    assert -200 < bottom < 0 < 1100 < top < 1300
    assert [round(circle.radius) for circle in ax.patches] == [50, 50]


def test_dims_may_be_names_of_columns(library, clusters):
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3) ** 2, columns=["a", "b", "c"])
    by_name = plot_kmeans(clusters([[1, 0, 7]]), frame, dims=("c", "a"))
    assert (by_name.get_xlabel(), by_name.get_ylabel()) == ("c", "a")
    assert_array_equal(points(by_name).get_offsets(), frame[["c", "a"]])
    with pytest.raises(ValueError, match=r"or names of columns, got \('a', 'd'\)"):
        plot_kmeans(clusters([[1, 0, 7]]), frame, dims=("a", "d"))
