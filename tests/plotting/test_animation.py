"""Passes that the models do one by one, and the animation of them, frame by frame."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.cluster import MiniBatchKMeans as SklearnMiniBatch

from fastmix import (
    BayesianGaussianMixture,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    MiniBatchKMeans,
)
from fastmix.plotting import animate_fit
from fastmix.plotting._frames import frames_of
from fastmix.plotting._passes import passes
from fastmix.plotting._style import MAX_OVER, palette

ALL = slice(None)


@pytest.fixture
def X(blobs):
    return blobs(n=120, gap=3.0, k=4).X


# --- passes --------------------------------------------------------------------------------------


def test_passes_of_k_means_are_those_of_its_fit(library, X):
    model = library.KMeans(4, init=X[:4], n_init=1, tol=0)
    states = passes(model, X, ALL, 50)
    whole = library.KMeans(4, init=X[:4], n_init=1, tol=0).fit(X)
    assert_array_equal(states[0].means, X[:4])
    assert_allclose(states[-1].means, whole.cluster_centers_)
    assert states[-1].objective == pytest.approx(whole.inertia_)
    assert len(states) - 1 in (whole.n_iter_, whole.n_iter_ - 1)  # the last moves nothing
    for t in (1, 2):
        part = library.KMeans(4, init=X[:4], n_init=1, tol=0, max_iter=t).fit(X)
        assert_allclose(states[t].means, part.cluster_centers_)
        assert_array_equal(states[t].resp.argmax(1), part.labels_)


def test_k_means_of_fastmix_starts_from_its_seeds(X):
    model = KMeans(4, init="random", random_state=3)
    seeds = KMeans(4, init="random", n_init=1, random_state=3).fit(X).init_results_[0].seeds
    states = passes(model, X, ALL, 50)
    assert_array_equal(states[0].means, X[seeds])
    assert (np.diff([state.objective for state in states]) < 0).all()


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_passes_of_a_mixture_are_those_of_its_fit(library, X):
    model = library.GaussianMixture(4, init_params="random_from_data", random_state=0)
    states = passes(model, X, ALL, 100)
    whole = library.GaussianMixture(4, init_params="random_from_data", random_state=0).fit(X)
    assert len(states) - 1 == whole.n_iter_
    assert_allclose(states[-1].means, whole.means_, rtol=1e-6)
    assert_allclose(states[-1].matrices, whole.covariances_, rtol=1e-6)
    assert_allclose(states[-1].resp, whole.predict_proba(X), atol=1e-6)
    assert states[-1].objective == pytest.approx(whole.score(X))
    assert (np.diff([state.objective for state in states]) > 0).all()


def test_a_bayesian_mixture_has_passes_too(X):
    model = BayesianGaussianMixture(n_components=4, covariance_type="diag", random_state=0)
    states = passes(model, X, ALL, 5)
    assert len(states) == 6
    assert states[0].matrices.shape == (4, 2, 2)


def test_there_are_at_most_so_many_passes(library, X):
    assert len(passes(library.GaussianMixture(4, random_state=0, tol=0), X, ALL, 3)) == 4


def test_only_the_rows_shown_have_responsibilities(library, X):
    shown = np.array([3, 50, 7])
    for model in (library.KMeans(4, random_state=0), library.GaussianMixture(4, random_state=0)):
        resp = passes(model, X, shown, 2)[0].resp
        assert resp.shape == (3, 4)
        assert_allclose(resp.sum(1), 1)


@pytest.mark.parametrize(
    "model", [MiniBatchKMeans(3), BisectingKMeans(3), SklearnMiniBatch(3), object(), KMeans]
)
def test_what_has_no_passes_is_refused(X, model):
    with pytest.raises(TypeError, match="model must be a KMeans or a mixture, whose passes"):
        animate_fit(model, X)


# --- frames --------------------------------------------------------------------------------------


@pytest.fixture
def watch():
    """Maker of an animation whose first frame is drawn: Matplotlib warns of one that never was."""
    kept = []

    def make(*args, **options):
        display = animate_fit(*args, **options)
        display.figure_.canvas.draw()
        kept.append(display)
        return display

    return make


def test_a_pass_has_two_frames(X):
    states = passes(GaussianMixture(4, random_state=0), X, ALL, 2)
    frames = frames_of(states)
    drawn = [(frame.shapes, frame.colors) for frame in frames]
    assert drawn == [(0, -1), (0, 0), (1, 0), (1, 1), (2, 1), (2, 2)]
    assert [frame.title.partition(",")[0] for frame in frames] == [
        "start",
        *["pass 1"] * 2,
        *["pass 2"] * 2,
        "after 2 passes",
    ]
    assert frames[1].value == f"log-likelihood {states[0].objective:.5g}"


def test_rows_have_no_colours_before_the_first_pass(watch, X):
    display = watch(KMeans(4, random_state=0, init="random"), X)
    assert len(np.unique(display.points_.get_facecolors(), axis=0)) == 1
    assert_array_equal(display.points_.get_offsets(), X)


def test_first_rows_change_and_then_centers_move(watch, X):
    display = watch(KMeans(4, random_state=0, init="random"), X)
    first, second = display.states[:2]
    display.show(1)
    expected = palette(4)[first.resp.argmax(1), :3]
    assert_allclose(display.points_.get_facecolors()[:, :3], expected)
    assert_array_equal(display.centers_.get_offsets(), first.means)
    display.show(2)
    assert_allclose(display.points_.get_facecolors()[:, :3], expected)
    assert_array_equal(display.centers_.get_offsets(), second.means)
    x, y = display.trails_[2].get_data()
    assert_array_equal(np.transpose([x, y]), [first.means[2], second.means[2]])


def test_ellipses_move_and_colours_are_mixed(watch, X):
    display = watch(GaussianMixture(4, init_params="random_from_data", random_state=0), X, n_std=2)
    display.show(len(display.frames) - 1)
    last = display.states[-1]
    assert_allclose([e.center for e in display.ellipses_], last.means)
    areas = [np.pi * e.width * e.height / 4 for e in display.ellipses_]
    assert_allclose(areas, 4 * np.pi * np.sqrt(np.linalg.det(last.matrices)))
    mixed = last.resp @ palette(4)[:, :3]
    assert_allclose(display.points_.get_facecolors()[:, :3], mixed, atol=1e-12)


def test_features_are_chosen_by_dims(watch, X):
    frame = pd.DataFrame(np.column_stack([X, -X[:, 0]]), columns=["a", "b", "c"])
    display = watch(KMeans(4, random_state=0), frame, dims=("c", "b"))
    assert_array_equal(display.points_.get_offsets(), frame[["c", "b"]])
    assert_array_equal(display.centers_.get_offsets(), display.states[0].means[:, [2, 1]])


def test_many_rows_are_thinned_but_all_are_fitted(watch, blobs):
    X = blobs(n=MAX_OVER + 100).X
    display = watch(KMeans(3, random_state=0, tol=0), X)
    assert len(display.points_.get_offsets()) == MAX_OVER
    expected = KMeans(3, random_state=0, tol=0).fit(X)
    assert display.states[-1].objective == pytest.approx(expected.inertia_)


def test_all_places_of_the_centers_are_in_view(watch, X):
    start = np.array([[-40.0, 0.0], [0.0, 0.0], [9.0, 9.0], [60.0, 5.0]])
    ax = watch(KMeans(4, init=start), X).ax_
    low, high = ax.get_xlim()
    assert low < -40 < 60 < high


# --- files ---------------------------------------------------------------------------------------


def test_a_gif_has_all_frames(watch, X, tmp_path):
    display = watch(KMeans(4, random_state=0, init="random"), X, max_passes=2, interval=100)
    display.save(tmp_path / "fit.gif", dpi=40)
    with Image.open(tmp_path / "fit.gif") as image:
        assert image.format == "GIF"
        assert image.n_frames == len(display.frames)  # Pillow joins frames that are the same
        assert image.info["duration"] == 100
        assert image.size == tuple(np.int_(40 * display.figure_.get_size_inches()))


def test_a_notebook_shows_a_player(watch, X):
    display = watch(KMeans(4, random_state=0), X, max_passes=1)
    html = display._repr_html_()
    assert "data:image/png;base64" in html
    assert html.count("frames[") >= len(display.frames)


@pytest.mark.parametrize("options", [{"max_passes": 0}, {"max_passes": 2.5}, {"interval": 0}])
def test_numbers_must_be_above_0(X, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} must be"):
        animate_fit(KMeans(3), X, **options)


def test_an_animation_has_a_figure_of_its_own(X):
    other, _ = plt.subplots(1, 2)
    display = animate_fit(KMeans(4, init=X[:4]), X)
    assert display.figure_ is not other
    assert display.figure_.axes == [display.ax_]
    assert plt.gcf() is other
