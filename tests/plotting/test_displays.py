"""What all displays have in common: scikit-learn's manner, both libraries' models, axes, refusals."""

import inspect

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array

from fastmix import plotting

KMEANS, MIXTURE = "KMeans", "GaussianMixture"
DRAWS = {  # which models
    "plot_pairs": (KMEANS, MIXTURE),
    "plot_projection": (KMEANS, MIXTURE),
    "plot_density": (MIXTURE,),
    "plot_uncertainty": (KMEANS, MIXTURE),
    "plot_responsibilities": (MIXTURE,),
    "plot_silhouettes": (KMEANS, MIXTURE),
    "animate_fit": (KMEANS, MIXTURE),
}
CASES = [(name, kind) for name, kinds in DRAWS.items() for kind in kinds]
cases = pytest.mark.parametrize(("name", "kind"), CASES)
names = pytest.mark.parametrize("name", DRAWS)


@pytest.fixture
def X(blobs):
    return blobs(n=90, d=3, gap=3.0).X


@pytest.fixture
def draw():
    """Call of a front door; what it gives is kept and drawn, as animations want to be."""
    kept = []

    def make(name, *args, **options):
        display = getattr(plotting, name)(*args, **options)
        display.figure_.canvas.draw()
        kept.append(display)
        return display

    return make


def axes_of(display):
    return display.axes_[np.tril_indices(3)] if hasattr(display, "axes_") else [display.ax_]


def test_every_public_plot_is_tested_here_or_alone():
    alone = {"plot_kmeans", "plot_gmm", "plot_convergence", "plot_selection"}
    front_doors = {name for name in plotting.__all__ if not name.endswith("Display")}
    assert front_doors == alone | set(DRAWS)


@pytest.mark.parametrize("name", [*DRAWS, "plot_convergence"])
def test_a_front_door_is_from_estimator(name):
    door = getattr(plotting, name)
    assert door.__func__ is door.__self__.from_estimator.__func__
    assert door.__self__.__name__ in plotting.__all__
    assert door.__self__.__name__.endswith("Display")
    parameters = list(inspect.signature(door).parameters)
    assert parameters[:3] == ["model", "X", "ax"]
    drawn = set(inspect.signature(door.__self__.plot).parameters) - {"self"}
    assert drawn <= set(parameters)


@cases
def test_models_of_both_libraries_are_drawn(library, draw, X, name, kind):
    display = draw(name, getattr(library, kind)(3, random_state=0), X)
    assert isinstance(display, getattr(plotting, name).__self__)
    assert isinstance(display.figure_, Figure)
    for ax in axes_of(display):
        assert isinstance(ax, Axes)
        assert ax.has_data()
    assert plt.get_fignums() == [1]


@cases
def test_it_is_drawn_on_the_axes_given(library, draw, X, name, kind):
    figure, (left, right) = plt.subplots(1, 2)
    display = draw(name, getattr(library, kind)(3, random_state=0), X, right)
    assert display.figure_ is figure
    assert not left.has_data()
    if not hasattr(display, "axes_"):
        assert display.ax_ is right
    assert plt.get_fignums() == [1]


@cases
def test_it_is_drawn_once_more_elsewhere(library, draw, X, name, kind):
    display = draw(name, getattr(library, kind)(3, random_state=0), X)
    before = [*axes_of(display)]
    assert display.plot(ax=plt.figure().add_subplot()) is display
    display.figure_.canvas.draw()
    assert display.figure_.number == 2
    assert not set(before) & set(axes_of(display))


@cases
def test_a_fitted_model_and_rows_stay_as_they_are(library, draw, X, unchanged, name, kind):
    model = getattr(library, kind)(3, random_state=0).fit(X)
    with unchanged(model, X):
        draw(name, model, X)


@cases
def test_a_model_not_yet_fitted_is_fitted_in_place(library, draw, X, name, kind):
    model = getattr(library, kind)(3, random_state=0)
    draw(name, model, X)
    if name == "animate_fit":  # which fits again and again
        assert not hasattr(model, "n_iter_")
    else:
        expected = getattr(library, kind)(3, random_state=0).fit(X)
        assert_array_equal(model.predict(X), expected.predict(X))


@cases
def test_data_frames_and_lists_are_drawn_like_arrays(library, draw, X, name, kind):
    model = getattr(library, kind)(3, random_state=0).fit(X)
    expected = draw(name, model, X)
    for rows in (X.tolist(), pd.DataFrame(X, columns=["a", "b", "c"])):
        model = getattr(library, kind)(3, random_state=0).fit(rows)
        found = draw(name, model, rows, plt.figure().add_subplot())
        for mine, others in zip(axes_of(found), axes_of(expected), strict=True):
            assert len(mine.collections) == len(others.collections)
            for one, other in zip(mine.collections, others.collections, strict=True):
                assert_array_equal(one.get_offsets(), other.get_offsets())


@pytest.mark.parametrize("name", ["plot_density", "plot_uncertainty", "animate_fit", "plot_pairs"])
def test_features_are_chosen_by_name(library, draw, X, name):
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    choice = {"features": ["c", "a"]} if name == "plot_pairs" else {"dims": ("c", "a")}
    display = draw(name, library.GaussianMixture(3, random_state=0), frame, **choice)
    ax = display.axes_[1, 0] if name == "plot_pairs" else display.ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("c", "a")


@pytest.mark.parametrize(
    "name", ["plot_density", "plot_uncertainty", "animate_fit", "plot_projection"]
)
def test_both_features_have_one_scale(library, draw, X, name):
    ax = draw(name, library.GaussianMixture(3, random_state=0), X).ax_
    assert ax.get_aspect() == 1


@names
def test_what_is_no_model_is_refused(X, name):
    with pytest.raises(TypeError, match=r"model must .*, got NoneType; pass a"):
        getattr(plotting, name)(None, X)


@names
def test_rows_must_be_dense_and_a_table(library, X, name):
    model = library.GaussianMixture(3, random_state=0)
    with pytest.raises(TypeError, match=r"X must be dense, .*; pass X\.toarray\(\)"):
        getattr(plotting, name)(model, csr_array(X))
    with pytest.raises(ValueError, match=r"X must have shape \(n, d\) with at least one row"):
        getattr(plotting, name)(model, X[0])
    assert not plt.get_fignums()


@names
def test_rows_must_have_the_models_features(library, X, name):
    if name == "animate_fit":
        pytest.skip("it fits the rows that it is given")
    model = library.GaussianMixture(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="the 3 features that the model was fitted on, got 2"):
        getattr(plotting, name)(model, X[:, :2])


@pytest.mark.parametrize("name", [name for name in DRAWS if name != "plot_pairs"])
def test_axes_must_be_axes(library, X, name):
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes or None, got int"):
        getattr(plotting, name)(library.GaussianMixture(3, random_state=0), X, ax=3)


@pytest.mark.parametrize("name", ["plot_density", "plot_responsibilities"])
def test_k_means_has_no_probabilities(library, X, name):
    with pytest.raises(TypeError, match=r"must have means_ once fitted, got KMeans; .*plot_kmeans"):
        getattr(plotting, name)(library.KMeans(3, random_state=0), X)


@pytest.mark.parametrize(
    "name", ["plot_density", "plot_uncertainty", "animate_fit", "plot_projection"]
)
def test_one_feature_is_no_plane(library, X, name):
    with pytest.raises(ValueError, match=r"at least 2 features .*plot_pairs"):
        getattr(plotting, name)(library.GaussianMixture(3, random_state=0), X[:, :1])


@pytest.mark.parametrize(
    "name", ["plot_pairs", "plot_projection", "plot_uncertainty", "animate_fit"]
)
def test_standard_deviations_must_be_positive(library, X, name):
    with pytest.raises(ValueError, match=r"n_std must be one or more numbers in \(0, inf\), got"):
        getattr(plotting, name)(library.GaussianMixture(3, random_state=0), X, n_std=0)
    assert not plt.get_fignums()
