"""GaussianMixture: cases worked by hand, equality with scikit-learn, and what a fit leaves behind."""

import math

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as SklearnMixture

from fastmix import GaussianMixture

FOUR_POINTS = np.array([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0]])
NOT_CONVERGED = "ignore:Best performing initialization did not converge"


def assert_agrees(ours, theirs, tol):
    """Same n_iter_ and converged_; bounds and parameters within tol of the data's scale."""
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_ == theirs.converged_
    if hasattr(theirs, "lower_bounds_"):  # scikit-learn 1.7 and newer
        assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=tol, atol=tol)
    assert ours.lower_bound_ == pytest.approx(theirs.lower_bound_, rel=tol, abs=tol)
    for name in ("weights_", "means_", "covariances_"):
        expected = getattr(theirs, name)
        scale = max(1, np.abs(expected).max())
        assert_allclose(getattr(ours, name), expected, rtol=0, atol=tol * scale, err_msg=name)


# --- by hand ---------------------------------------------------------------------------------

ONE = 1 + 1e-6  # a variance of 1 with reg_covar
NONE = 1e-6  # a variance of 0 with reg_covar
BY_HAND = {
    "full": [[[NONE, 0], [0, ONE]]] * 2,
    "tied": [[NONE, 0], [0, ONE]],
    "diag": [[NONE, ONE]] * 2,
    "spherical": [0.5 + 1e-6] * 2,
    "tied_diag": [NONE, ONE],
    "tied_spherical": 0.5 + 1e-6,
}


def test_four_points_by_hand(covariance_type):
    truth = np.array([0, 0, 1, 1])
    precisions = naive.precisions(np.array(BY_HAND[covariance_type]), covariance_type)
    gm = GaussianMixture(
        2,
        covariance_type=covariance_type,
        weights_init=[0.5, 0.5],
        means_init=[[0, 1], [10, 1]],
        precisions_init=precisions,
    ).fit(FOUR_POINTS)
    assert_array_equal(gm.predict(FOUR_POINTS), truth)
    assert_allclose(gm.predict_proba(FOUR_POINTS), naive.one_hot(truth, 2), atol=1e-15)
    assert_allclose(gm.weights_, [0.5, 0.5], rtol=1e-14)
    assert_allclose(gm.means_, [[0, 1], [10, 1]], rtol=1e-14, atol=1e-14)
    assert_allclose(gm.covariances_, BY_HAND[covariance_type], rtol=1e-12, atol=1e-14)
    assert_allclose(gm.precisions_, precisions, rtol=1e-12, atol=1e-8)
    if "spherical" in covariance_type:
        log_det, distance = 2 * math.log(0.5 + 1e-6), 1 / (0.5 + 1e-6)
    else:
        log_det, distance = math.log(NONE) + math.log(ONE), 1 / ONE
    expected = math.log(0.5) - (2 * math.log(2 * math.pi) + log_det + distance) / 2
    assert gm.lower_bound_ == pytest.approx(expected, rel=1e-12)
    assert_allclose(gm.lower_bounds_, [expected, expected], rtol=1e-12)
    assert gm.score(FOUR_POINTS) == pytest.approx(expected, rel=1e-12)
    assert gm.n_iter_ == 2
    assert gm.converged_ is True


def test_one_component_is_the_sample_mean_and_covariance(rng, covariance_type):
    X = rng.normal(size=(60, 3)) * [1, 2, 3] + 5
    gm = GaussianMixture(covariance_type=covariance_type).fit(X)
    covariance = np.cov(X.T, bias=True) + 1e-6 * np.eye(3)
    expected = {
        "full": covariance[None],
        "tied": covariance,
        "diag": np.diag(covariance)[None],
        "spherical": np.diag(covariance).mean()[None],
        "tied_diag": np.diag(covariance),
        "tied_spherical": np.diag(covariance).mean(),
    }
    assert_allclose(gm.means_, [X.mean(axis=0)], rtol=1e-13)
    assert_allclose(gm.covariances_, expected[covariance_type], rtol=1e-12)
    assert_array_equal(gm.weights_, [1.0])
    assert_array_equal(gm.predict_proba(X), np.ones((60, 1)))


def test_the_mean_is_pulled_by_responsibilities_by_hand():
    X = np.array([[-1.0], [0.0], [1.0]])
    gm = GaussianMixture(
        2,
        covariance_type="spherical",
        weights_init=[0.5, 0.5],
        means_init=[[-1], [1]],
        precisions_init=[1, 1],
        max_iter=1,
    )
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        gm.fit(X)
    near = 1 / (1 + math.exp(-2))  # share of -1 in the row at -1; the row at 0 is shared evenly
    mean = (-near + (1 - near)) / 1.5
    assert_allclose(gm.means_, [[mean], [-mean]], rtol=1e-12)
    assert_allclose(gm.covariances_, 1 / 1.5 - mean**2 + 1e-6, rtol=1e-12)


# --- the same as scikit-learn ----------------------------------------------------------------


@pytest.mark.usefixtures("in_sklearn")
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(40, 150),
    d=st.integers(1, 4),
    k=st.integers(1, 4),
    tol=st.sampled_from([1e-3, 1e-4]),
    reg_covar=st.sampled_from([1e-6, 1e-2]),
)
@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_equals_scikit_learn_from_the_same_start(
    seed, n, d, k, tol, reg_covar, covariance_type, mixture_start
):
    random = np.random.RandomState(seed)
    X = random.normal(size=(n, d)) * random.uniform(0.5, 2, d)
    options = {"covariance_type": covariance_type, "tol": tol, "reg_covar": reg_covar}
    options |= mixture_start(X, random.dirichlet(np.ones(k), n), covariance_type)
    ours, theirs = GaussianMixture(k, **options).fit(X), SklearnMixture(k, **options).fit(X)
    assert_agrees(ours, theirs, tol=1e-8)
    new = random.normal(size=(20, d))
    assert_allclose(ours.precisions_, theirs.precisions_, rtol=1e-6, atol=1e-6)
    assert_allclose(ours.precisions_cholesky_, theirs.precisions_cholesky_, rtol=1e-6, atol=1e-6)
    assert_allclose(ours.predict_proba(new), theirs.predict_proba(new), atol=1e-7)
    assert_allclose(ours.score_samples(new), theirs.score_samples(new), rtol=1e-7, atol=1e-7)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.bic(X) == pytest.approx(theirs.bic(X), rel=1e-8, abs=1e-6)
    assert ours.aic(X) == pytest.approx(theirs.aic(X), rel=1e-8, abs=1e-6)


@given(seed=st.integers(0, 10_000), n=st.integers(30, 80), d=st.integers(1, 3), k=st.integers(1, 3))
def test_equals_the_naive_loop(seed, n, d, k, covariance_type, mixture_start):
    random = np.random.RandomState(seed)
    X, resp = random.normal(size=(n, d)), random.dirichlet(np.ones(k), n)
    expected = naive.em(X, covariance_type, resp=resp)
    options = mixture_start(X, resp, covariance_type)
    got = GaussianMixture(k, covariance_type=covariance_type, **options).fit(X)
    assert got.n_iter_ == expected.n_iter
    assert got.converged_ == expected.converged
    assert_allclose(got.lower_bounds_, expected.lower_bounds, rtol=1e-9)
    assert_allclose(got.weights_, expected.weights, atol=1e-9)
    assert_allclose(got.means_, expected.means, atol=1e-8)
    assert_allclose(got.covariances_, expected.covariances, atol=1e-8)
    assert_allclose(got.predict_proba(X), expected.resp, atol=1e-7)


@pytest.mark.usefixtures("in_sklearn")
def test_equals_scikit_learn_in_either_precision(blobs, dtype, covariance_type, mixture_start):
    X, truth, _ = blobs(n=150, d=3, k=3, gap=6.0, dtype=dtype)
    options = mixture_start(X, truth, covariance_type) | {"covariance_type": covariance_type}
    ours, theirs = GaussianMixture(3, **options).fit(X), SklearnMixture(3, **options).fit(X)
    assert_agrees(ours, theirs, tol=1e-10 if dtype == np.float64 else 1e-4)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    single = dtype == np.float32
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-3 if single else 1e-10)


@pytest.mark.usefixtures("in_sklearn")
@pytest.mark.parametrize("max_iter", [2, 3])
@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_equals_scikit_learn_when_max_iter_ends_the_run(
    rng, max_iter, covariance_type, mixture_start
):
    X = rng.normal(size=(80, 2))
    options = mixture_start(X, rng.dirichlet(np.ones(3), 80), covariance_type)
    options |= {"covariance_type": covariance_type, "max_iter": max_iter, "tol": 1e-12}
    ours, theirs = GaussianMixture(3, **options).fit(X), SklearnMixture(3, **options).fit(X)
    assert ours.converged_ is False
    assert_agrees(ours, theirs, tol=1e-10)


def test_log_densities_are_those_of_the_definition(blobs, covariance_type):
    X = blobs(n=90, d=3, gap=3.0).X
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    log_prob = naive.log_gaussian(X, gm.means_, gm.covariances_, covariance_type)
    log_norm, resp = naive.responsibilities(log_prob + np.log(gm.weights_))
    assert_allclose(gm.score_samples(X), log_norm.astype(float), rtol=1e-10)
    assert_allclose(gm.predict_proba(X), resp.astype(float), atol=1e-11)
    assert gm.score(X) == pytest.approx(float(log_norm.mean()), rel=1e-12)


# --- what a fit leaves behind ----------------------------------------------------------------


def test_attributes_have_the_promised_types_and_shapes(blobs, dtype, covariance_type):
    X = blobs(n=90, d=4, k=3, dtype=dtype).X
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    shapes = {"full": (3, 4, 4), "tied": (4, 4), "diag": (3, 4), "spherical": (3,)}
    shape = (shapes | {"tied_diag": (4,), "tied_spherical": ()})[covariance_type]
    expected = {"weights_": (3,), "means_": (3, 4)}
    expected |= dict.fromkeys(["covariances_", "precisions_", "precisions_cholesky_"], shape)
    for name, shape in expected.items():
        assert getattr(gm, name).shape == shape, name
        assert getattr(gm, name).dtype == dtype, name
    assert type(gm.converged_) is bool
    assert type(gm.n_iter_) is int
    assert type(gm.lower_bound_) is float
    assert type(gm.lower_bounds_) is list
    assert {type(bound) for bound in gm.lower_bounds_} == {float}
    assert len(gm.lower_bounds_) == gm.n_iter_
    assert gm.lower_bounds_[-1] == gm.lower_bound_
    assert gm.n_features_in_ == 4
    assert gm.weights_.sum() == pytest.approx(1, rel=1e-6 if dtype == np.float32 else 1e-14)


def test_results_have_the_promised_types(blobs, dtype):
    X = blobs(n=90, dtype=dtype).X
    gm = GaussianMixture(3, random_state=0).fit(X)
    assert gm.predict(X).dtype == gm.fit_predict(X).dtype == np.int64
    assert gm.predict_proba(X).dtype == gm.score_samples(X).dtype == dtype
    assert gm.predict_proba(X).shape == (90, 3)
    assert gm.score_samples(X).shape == (90,)
    for method in (gm.score, gm.bic, gm.aic):
        assert type(method(X)) is float


def test_precisions_are_the_inverse_and_their_factor_is_upper(blobs, covariance_type):
    X = blobs(n=90, d=3, gap=3.0).X
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    expected = naive.precisions(gm.covariances_, covariance_type)
    assert_allclose(gm.precisions_, expected, rtol=1e-9, atol=1e-9)
    factor = gm.precisions_cholesky_
    if covariance_type in ("full", "tied"):
        assert_array_equal(np.tril(factor, -1), 0)
        assert_allclose(factor @ np.swapaxes(factor, -1, -2), expected, rtol=1e-9, atol=1e-9)
    else:
        assert_allclose(factor**2, expected, rtol=1e-12)


def test_bic_and_aic_follow_from_the_score(blobs, covariance_type):
    X = blobs(n=90, d=3).X
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    p = naive.n_parameters(covariance_type, 3, 3)
    assert gm._n_parameters() == p
    assert gm.aic(X) == pytest.approx(-2 * 90 * gm.score(X) + 2 * p, rel=1e-12)
    assert gm.bic(X) == pytest.approx(-2 * 90 * gm.score(X) + p * math.log(90), rel=1e-12)


def test_fit_predict_is_fit_then_predict(blobs, covariance_type):
    X = blobs(n=90, gap=2.0).X
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0, tol=0.1)
    assert_array_equal(gm.fit_predict(X), gm.predict(X))


def test_y_is_ignored(blobs, assert_same_fit):
    X = blobs(n=60).X
    gm = GaussianMixture(3, random_state=0).fit(X)
    assert_same_fit(gm, GaussianMixture(3, random_state=0).fit(X, y="anything"))
    assert gm.score(X, y="anything") == gm.score(X)


def test_the_likelihood_never_falls(blobs, covariance_type):
    X = blobs(n=200, gap=3.0).X
    options = {"covariance_type": covariance_type, "reg_covar": 1e-12, "tol": 1e-6}
    gm = GaussianMixture(3, init_params="random", random_state=0, max_iter=500, **options).fit(X)
    assert gm.n_iter_ > 3
    assert np.diff(gm.lower_bounds_).min() > -1e-12
    assert gm.score(X) >= gm.lower_bound_ - 1e-12
