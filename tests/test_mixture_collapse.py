"""GaussianMixture: what is said and done when a component collapses, and the relative reg_covar."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix import GaussianMixture
from fastmix.engine.collapse import FLOOR, ON_COLLAPSE, RESTARTS

OF_THEIR_OWN = ["full", "diag", "spherical"]
TEXT = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance"
)


@pytest.fixture
def pair(rng):
    """Rows (40, 2) of which the last two are equal, and labels that make them a component."""
    X = rng.normal(size=(40, 2))
    X[38:] = [9.0, 3.0]
    return X, np.where(np.arange(40) < 38, np.arange(40) % 2, 2)


def mixture(labels, **options):
    options = {"reg_covar": 0.0, "random_state": 0, "max_iter": 500} | options
    return GaussianMixture(labels.max() + 1, init_params=labels, **options)


# --- raise -----------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [1.0, 2.5, 1000.0])
def test_the_error_names_the_component_and_ways_out(pair, unit, unchanged):
    X, labels = pair
    gm = mixture(labels)
    with unchanged(gm, X), pytest.raises(ValueError, match="^" + TEXT) as error:
        gm.fit(X, sample_weight=np.full(40, unit))
    text = str(error.value)
    assert "Component 2 (weight 0.05) has collapsed" in text
    assert f"it holds a total weight of {2 * unit:.3g} (a row counts 1" in text
    assert re.search(r"smallest eigenvalue of its covariance is -?\d[^ ]*\. ", text)
    assert "Constant within the component: feature 0, 1." in text
    for way_out in ("fewer components", "reg_covar", "relative_reg_covar=True", "on_collapse="):
        assert way_out in text


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_the_error_names_features_that_are_constant(rng, covariance_type):
    X = np.insert(rng.normal(size=(40, 2)), 1, 4.0, axis=1)
    labels = np.arange(40) % 2
    with pytest.raises(ValueError, match=r"Constant in all rows: feature 1 \(leave it out of X\)"):
        mixture(labels, covariance_type=covariance_type).fit(X)


def test_the_error_of_a_shared_covariance_names_no_component():
    with pytest.raises(ValueError, match="The covariance that all components share has collapsed"):
        mixture(np.arange(10) % 2, covariance_type="tied").fit(np.zeros((10, 2)))


def test_policies_do_nothing_where_nothing_collapses(blobs, covariance_type, assert_same_fit):
    X = blobs(n=90, gap=3.0).X
    options = {"covariance_type": covariance_type, "random_state": 0}
    plain = GaussianMixture(3, **options).fit(X)
    for policy in ON_COLLAPSE:
        assert_same_fit(GaussianMixture(3, on_collapse=policy, **options).fit(X), plain)


# --- reseed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", OF_THEIR_OWN)
def test_a_collapsed_start_is_restarted_at_a_row(pair, covariance_type):
    X, labels = pair
    gm = mixture(labels, covariance_type=covariance_type, on_collapse="reseed", max_iter=0)
    with pytest.warns(RuntimeWarning, match=r"Component 2 .* restarted at row (\d+)") as caught:
        gm.fit(X)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    row = int(re.search(r"at row (\d+)", str(caught[0].message))[1])
    assert_allclose(gm.means_[2], X[row], rtol=1e-12)
    whole = GaussianMixture(1, covariance_type=covariance_type, reg_covar=0, max_iter=0).fit(X)
    assert_allclose(gm.covariances_[2], whole.covariances_[0], rtol=1e-10)
    assert_allclose(gm.weights_, [1 / 3] * 3, rtol=1e-12)
    others = GaussianMixture(3, init_params=labels, covariance_type=covariance_type, max_iter=0)
    assert_allclose(gm.means_[:2], others.fit(X).means_[:2], rtol=1e-12)
    assert gm.init_results_[0].events == (str(caught[0].message),)


@pytest.mark.parametrize("covariance_type", OF_THEIR_OWN)
@pytest.mark.filterwarnings("ignore:Component .* restarted:RuntimeWarning")
def test_a_restart_depends_on_the_random_state_only(rng, covariance_type, assert_same_fit):
    X = rng.normal(size=(60, 2))
    labels = np.where(np.arange(60) < 59, np.arange(60) % 2, 2)  # component 2 is a single row

    def fit(**options):
        options |= {"covariance_type": covariance_type, "on_collapse": "reseed"}
        return mixture(labels, **options).fit(X)

    first = fit(n_threads=1)
    assert first.converged_
    assert first.weights_.min() > 1 / 60
    assert_same_fit(first, fit(n_threads=2))
    rows = {fit(random_state=seed).init_results_[0].events for seed in range(5)}
    assert len(rows) > 1


def test_a_component_that_collapses_again_and_again_fails_in_the_end(pair):
    X = np.insert(pair[0], 2, 1.0, axis=1)  # no restart gives a constant feature a variance
    gm = mixture(pair[1], on_collapse="reseed")
    with pytest.raises(ValueError, match=f"restarted {RESTARTS} times in vain"):
        gm.fit(X)


def test_a_shared_covariance_cannot_be_reseeded():
    gm = mixture(np.arange(10) % 2, covariance_type="tied", on_collapse="reseed")
    with pytest.raises(ValueError, match="all components share"):
        gm.fit(np.zeros((10, 2)))


@pytest.mark.filterwarnings("ignore:Component .* restarted:RuntimeWarning")
def test_rows_without_weight_are_no_place_to_restart(pair):
    X, labels = pair
    weight = np.zeros(40)
    weight[[0, 1, 2, 3, 4, 5, 38, 39]] = 1.0
    for seed in range(10):
        gm = mixture(labels, on_collapse="reseed", max_iter=0, random_state=seed)
        gm.fit(X, sample_weight=weight)
        (event,) = gm.init_results_[0].events
        assert weight[int(re.search(r"at row (\d+)", event)[1])] == 1.0


# --- regularize ------------------------------------------------------------------------------


def test_just_as_much_is_added_as_the_floor_needs(pair, covariance_type):
    X, labels = pair
    if covariance_type == "tied":
        X = np.c_[X[:, 0], X[:, 0]]
    elif covariance_type.startswith("tied"):
        X = X[37:][labels]  # no component varies
    options = {"covariance_type": covariance_type, "on_collapse": "regularize"}
    with pytest.warns(RuntimeWarning, match=r"has collapsed.* was added to its var") as caught:
        gm = mixture(labels, max_iter=0, **options).fit(X)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    floor = FLOOR * X.var(axis=0).mean()
    collapsed = gm.covariances_ if covariance_type.startswith("tied") else gm.covariances_[2]
    shape = np.atleast_1d(collapsed)
    least = np.linalg.eigvalsh(shape).min() if shape.ndim == 2 else shape.min()
    assert least == pytest.approx(floor, rel=1e-6)
    plain = GaussianMixture(3, init_params=labels, max_iter=0, reg_covar=1e-12)
    plain.set_params(covariance_type=covariance_type).fit(X)
    assert_allclose(gm.means_, plain.means_, rtol=1e-12)
    assert_allclose(gm.weights_, plain.weights_, rtol=1e-12)
    if not covariance_type.startswith("tied"):
        assert_allclose(gm.covariances_[:2], plain.covariances_[:2], atol=1e-11)


@pytest.mark.parametrize("covariance_type", OF_THEIR_OWN)
def test_a_component_regularised_in_every_step_is_told_of_once_and_converges(pair, covariance_type):
    X, labels = pair
    options = {"covariance_type": covariance_type, "on_collapse": "regularize"}
    with pytest.warns(RuntimeWarning, match=r"Component 2 .* was added") as caught:
        gm = mixture(labels, **options).fit(X)
    assert len(caught) == 1
    assert gm.converged_
    assert gm.weights_[2] == pytest.approx(2 / 40, rel=1e-6)
    assert_allclose(gm.means_[2], [9.0, 3.0], rtol=1e-9)
    assert np.all(np.diff(gm.lower_bounds_) > -1e-9)


def test_equal_rows_cannot_be_regularised():
    with pytest.raises(ValueError, match="Constant in all rows: feature 0, 1 "):
        mixture(np.arange(10) % 2, on_collapse="regularize").fit(np.full((10, 2), 3.0))


# --- relative reg_covar ----------------------------------------------------------------------


def test_a_relative_reg_covar_is_a_fraction_of_the_mean_variance(blobs, rng, covariance_type):
    X, weight = blobs(n=90, gap=3.0).X, rng.uniform(0, 3, 90)
    options = {"covariance_type": covariance_type, "random_state": 0}
    relative = GaussianMixture(3, reg_covar=1e-2, relative_reg_covar=True, **options)
    relative.fit(X, sample_weight=weight)
    variance = np.cov(X.T, bias=True, aweights=weight).diagonal().mean()
    absolute = GaussianMixture(3, reg_covar=1e-2 * variance, **options).fit(X, sample_weight=weight)
    assert relative.n_iter_ == absolute.n_iter_
    assert_allclose(relative.covariances_, absolute.covariances_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-5, 1e5, 2.0**-17, 2.0**40])
@pytest.mark.parametrize("max_iter", [0, 200])
def test_a_relative_reg_covar_makes_the_unit_of_x_irrelevant(
    blobs, covariance_type, scale, max_iter
):
    X = blobs(n=90, gap=3.0).X
    options = {"covariance_type": covariance_type, "random_state": 0, "max_iter": max_iter}
    options |= {"reg_covar": 1e-3, "relative_reg_covar": True}
    here, there = GaussianMixture(3, **options).fit(X), GaussianMixture(3, **options).fit(X * scale)
    assert there.n_iter_ == here.n_iter_
    if max_iter == 0 and scale in (2.0**-17, 2.0**40):  # a power of two rounds nothing
        assert_array_equal(there.means_, here.means_ * scale)
        assert_array_equal(there.covariances_, here.covariances_ * scale**2)
    assert_array_equal(there.predict(X * scale), here.predict(X))
    assert_allclose(there.weights_, here.weights_, rtol=1e-9)
    assert_allclose(there.means_, here.means_ * scale, rtol=1e-8, atol=1e-10 * scale)
    assert_allclose(there.covariances_, here.covariances_ * scale**2, atol=1e-9 * scale**2)


def test_an_absolute_reg_covar_is_too_big_for_small_numbers(rng):
    X = rng.normal(size=(200, 2)) * 1e-5
    absolute, relative = (
        GaussianMixture(1, relative_reg_covar=flag).fit(X).covariances_[0] for flag in (False, True)
    )
    assert_allclose(np.sqrt(np.diagonal(absolute)) / X.std(axis=0), 100, rtol=0.1)
    assert_allclose(np.sqrt(np.diagonal(relative)) / X.std(axis=0), 1, rtol=1e-5)
