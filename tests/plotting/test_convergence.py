"""Courses of fits as numbers, and plot_convergence, seen through its lines."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.mixture import GaussianMixture as SklearnMixture

from fastmix import (
    BayesianGaussianMixture,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    MiniBatchKMeans,
)
from fastmix.plotting import plot_convergence
from fastmix.plotting._courses import Course, Courses, courses
from fastmix.plotting._style import BEST_RUN


class Remembers(BaseEstimator):
    """A fitted mixture whose starts went as told: (history, best, error)."""

    def __init__(self, *starts):
        self.means_ = np.zeros((1, 1))
        self.init_results_ = [
            SimpleNamespace(history=history, best=best, error=error)
            for history, best, error in starts
        ]

    def fit(self, X):
        raise AssertionError("a fitted model must not be fitted again")

    def predict(self, X):
        return np.zeros(len(X), int)


# --- numbers -------------------------------------------------------------------------------------


def test_every_start_of_k_means_has_its_course(iris):
    model = KMeans(3, init="random", n_init=4, random_state=0).fit(iris)
    found = courses(model)
    assert len(found.runs) == 4
    for run, record in zip(found.runs, model.init_results_, strict=True):
        assert_array_equal(run.values, [*record.history, record.inertia])
        assert (run.first, run.best) == (0, record.best)
    assert (found.objective, found.falls, found.unit) == ("inertia", True, "pass")
    assert found.best == min(record.inertia for record in model.init_results_)


def test_runs_of_a_search_follow_each_other(iris):
    found = courses(KMeans(6, n_init="breathing", random_state=0).fit(iris))
    assert len(found.runs) > 2
    passed = 0
    for run in found.runs:
        assert run.first == passed
        passed += len(run.values) - 1


def test_every_start_of_a_mixture_has_its_course(iris):
    model = GaussianMixture(3, n_init=3, init_params="random_from_data", random_state=0).fit(iris)
    found = courses(model)
    assert [list(run.values) for run in found.runs] == [r.history for r in model.init_results_]
    assert (found.falls, found.failed) == (False, 0)
    assert found.best == pytest.approx(model.lower_bound_)


def test_starts_that_failed_are_counted():
    found = courses(Remembers(([1.0, 2.0], True, None), ([], False, "collapsed")))
    assert (len(found.runs), found.failed, found.number) == (1, 1, 2)


@pytest.mark.parametrize("cls", [GaussianMixture, BayesianGaussianMixture])
def test_a_converted_mixture_remembers_its_best_start(iris, cls):
    model = cls(n_components=3, random_state=0).fit(iris)
    again = cls.from_sklearn(model.to_sklearn())
    (run,) = courses(again).runs
    assert_allclose(run.values, model.lower_bounds_)
    assert run.best


def test_scikit_learns_mixture_remembers_its_best_start(iris):
    model = SklearnMixture(3, random_state=0).fit(iris)
    if not hasattr(model, "lower_bounds_"):
        pytest.skip("this release does not")
    (run,) = courses(model).runs
    assert_array_equal(run.values, model.lower_bounds_)


def test_batches_and_splits_are_courses_too(iris):
    batches = MiniBatchKMeans(3, random_state=0, batch_size=30).fit(iris)
    found = courses(batches)
    assert_array_equal(found.runs[0].values, batches.inertia_history_)
    assert found.unit == "batch"
    splits = BisectingKMeans(5, random_state=0).fit(iris)
    found = courses(splits)
    assert_array_equal(found.runs[0].values, splits.inertia_history_)
    assert (found.unit, found.runs[0].first) == ("clusters", 2)


@pytest.mark.parametrize(("falls", "sign"), [(True, 1), (False, -1)])
def test_gaps_are_to_the_best_value_of_all(falls, sign):
    runs = [
        Course(0, sign * np.array([9.0, 4.0, 3.0]), False),
        Course(0, sign * np.array([50.0, 2.0]), True),
    ]
    found = Courses(runs, 0, "objective", falls, "pass")
    assert found.best == sign * 2
    assert_array_equal(found.gaps()[0], [7, 2, 1])
    assert_array_equal(found.gaps()[1], [48, 0])
    assert found.interesting() == 2


# --- the picture ---------------------------------------------------------------------------------


def test_lines_are_the_courses_and_the_best_stands_out(iris):
    model = KMeans(3, init="random", n_init=4, random_state=0).fit(iris)
    display = plot_convergence(model)
    for line, record in zip(display.lines_, model.init_results_, strict=True):
        assert_array_equal(line.get_ydata(), [*record.history, record.inertia])
        assert_array_equal(line.get_xdata(), range(record.n_iter + 1))
        assert (line.get_color() == BEST_RUN["color"]) == record.best
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert texts == ["best of 4 starts", "others"]


def test_gaps_are_drawn_on_a_logarithmic_scale(iris):
    display = plot_convergence(KMeans(3, n_init=2, random_state=0), iris, gap=True)
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_ylabel() == "inertia, above the best"
    for line, gaps in zip(display.lines_, display.courses.gaps(), strict=True):
        drawn = line.get_ydata()
        assert_array_equal(drawn[gaps > 0], gaps[gaps > 0])
        assert np.isnan(drawn[gaps == 0]).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_start_that_begins_far_off_does_not_flatten_the_rest(sign):
    display = plot_convergence(
        Remembers(([-1e6 * sign, -3.0, -2.0, -1.9], True, None), ([-5.0, -4.0], False, None))
    )
    low, high = display.ax_.get_ylim()
    if sign == 1:
        assert -4.5 < low < -4
        assert -1.9 < high < -1.7
    else:  # a bound that has fallen: its best value is the first
        assert high > 1e5


def test_where_all_is_near_all_is_shown():
    display = plot_convergence(Remembers(([1.0, 2.0, 2.5], True, None)))
    low, high = display.ax_.get_ylim()
    assert low < 1 < 2.5 < high
    assert display.legend_ is None


def test_failed_starts_are_told_in_the_legend():
    display = plot_convergence(Remembers(([1.0, 2.0], True, None), ([], False, "collapsed")))
    assert [text.get_text() for text in display.legend_.get_texts()] == ["best of 2 starts"]
    assert display.legend_.get_title().get_text() == "1 failed"


def test_a_fit_that_never_moves_is_a_line():
    display = plot_convergence(Remembers(([2.0, 2.0], True, None)), gap=True)
    display.figure_.canvas.draw()


def test_a_model_without_memory_is_refused_with_a_way_out(iris):
    message = (
        r"inertia_history_ and init_results_, got a KMeans .* draw fastmix\.KMeans\(\.\.\.\)\.fit"
    )
    with pytest.raises(TypeError, match=message):
        plot_convergence(SklearnKMeans(3, n_init=1), iris)
    with pytest.raises(TypeError, match=message):
        plot_convergence(KMeans.from_sklearn(SklearnKMeans(3, n_init=1).fit(iris)))


def test_a_model_not_yet_fitted_needs_rows(iris):
    with pytest.raises(ValueError, match="X must be rows to fit the KMeans on"):
        plot_convergence(KMeans(3))
    model = KMeans(3, random_state=0)
    assert len(plot_convergence(model, iris).lines_) == 1
    assert hasattr(model, "cluster_centers_")


def test_what_is_no_model_and_what_are_no_axes_is_refused(iris):
    with pytest.raises(TypeError, match="model must have fit and predict, got NoneType; pass a"):
        plot_convergence(None)
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes or None, got int"):
        plot_convergence(KMeans(3), iris, ax=3)
