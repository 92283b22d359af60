"""Marginal and conditional mixtures: densities against SciPy's and against p(x | y) = p(x, y) / p(y)."""

import re

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal

from fastmix import GaussianMixture

EPS = np.finfo(np.float64).eps
K, D = 3, 4
KNOWN = [[0], [3, 1], [1, 2, 0]]


@pytest.fixture
def mixture(rng, covariance_type):
    """Weights, means and covariances of overlapping components."""
    root = rng.normal(size=(K, D, D))
    matrices = root @ root.swapaxes(1, 2) + np.eye(D)
    covariances = naive.from_full(matrices, np.ones(K), covariance_type)
    return np.array([0.5, 0.3, 0.2]), 2 * rng.normal(size=(K, D)), covariances


@pytest.fixture
def gm(mixture, covariance_type):
    return GaussianMixture.from_parameters(*mixture, covariance_type=covariance_type)


@pytest.fixture
def X(rng):
    return 2 * rng.normal(size=(20, D))


# --- marginal --------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", [[2], [3, 0], [2, 0, 1, 3]])
def test_a_marginal_has_the_density_of_scipy(gm, mixture, X, covariance_type, dims):
    got = gm.marginal(dims)
    weights, means, covariances = mixture
    full = naive.to_full(covariances, covariance_type, K, D)
    density = sum(
        weights[c]
        * multivariate_normal(means[c, dims], full[c][np.ix_(dims, dims)]).pdf(X[:, dims])
        for c in range(K)
    )
    assert_allclose(got.score_samples(X[:, dims]), np.log(density), rtol=1e-11)
    assert (got.covariance_type, got.n_features_in_) == (covariance_type, len(dims))
    assert_array_equal(got.means_, means[:, dims])
    assert_array_equal(got.weights_, weights)


def test_a_marginal_integrates_the_other_features_out(gm, covariance_type):
    two = gm.marginal([0, 1])
    grid = np.linspace(-40, 40, 4001)
    rows = np.c_[np.full(len(grid), 0.7), grid]
    # the trapezoidal rule is exact for smooth functions that vanish at both ends
    integral = np.exp(two.score_samples(rows)).sum() * (grid[1] - grid[0])
    assert np.exp(gm.marginal(0).score_samples([[0.7]])[0]) == pytest.approx(integral, rel=1e-10)


# --- condition -------------------------------------------------------------------------------


@pytest.mark.parametrize("known", KNOWN)
def test_a_conditional_density_is_joint_by_marginal(gm, X, covariance_type, known):
    rest = [j for j in range(D) if j not in known]
    for row in X:
        got = gm.condition(known, row[known])
        rows = X.copy()
        rows[:, known] = row[known]
        expected = gm.score_samples(rows) - gm.marginal(known).score_samples(row[known][None])
        assert_allclose(got.score_samples(X[:, rest]), expected, rtol=1e-9, atol=1e-9)
    assert (got.covariance_type, got.n_features_in_) == (covariance_type, len(rest))


@pytest.mark.parametrize("known", KNOWN)
def test_conditional_weights_are_the_responsibilities_of_the_known(gm, X, known):
    resp = gm.marginal(known).predict_proba(X[:, known])
    for row, expected in zip(X, resp, strict=True):
        assert_allclose(gm.condition(known, row[known]).weights_, expected, rtol=1e-9)


def test_a_regression_by_hand():
    """Variances 2 and 3, covariance 1: at x = 4 the mean of y moves by 4 / 2, its variance by -1 / 2."""
    matrix = [[2.0, 1.0], [1.0, 3.0]]
    for kind, covariances in (("full", [matrix]), ("tied", matrix)):
        gm = GaussianMixture.from_parameters([1.0], [[0.0, 5.0]], covariances, covariance_type=kind)
        got = gm.condition(0, 4.0)
        assert_allclose(got.means_, [[7.0]], rtol=4 * EPS)
        assert_allclose(np.ravel(got.covariances_), [2.5], rtol=4 * EPS)
        assert_array_equal(got.weights_, [1.0])


def test_an_offset_costs_no_accuracy(mixture, covariance_type):
    weights, means, covariances = mixture
    means = np.round(means * 2**20) / 2**20
    values = np.array([0.5, -1.25])
    near, far = (
        GaussianMixture.from_parameters(
            weights, means + offset, covariances, covariance_type=covariance_type
        ).condition([1, 3], values + offset)
        for offset in (0.0, 2.0**30)
    )
    assert_allclose(far.weights_, near.weights_, rtol=1e-9)
    assert_allclose(far.means_ - 2.0**30, near.means_, atol=2.0**30 * EPS)
    assert_allclose(far.covariances_, near.covariances_, rtol=1e-12)


def test_values_far_from_all_components_choose_the_widest_in_log_space():
    gm = GaussianMixture.from_parameters(
        [0.5, 0.5], [[0.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [4.0, 1.0]], covariance_type="diag"
    )
    assert_array_equal(gm.condition([0], [1e6]).weights_, [0.0, 1.0])
    with pytest.raises(ValueError, match=r"so far from every component.*Pass values nearer"):
        gm.condition([0], [1e200])


def test_a_component_without_weight_stays_without(covariance_type):
    matrices = naive.from_full(np.array([np.eye(2)] * 2), np.ones(2), covariance_type)
    if covariance_type.startswith("tied"):  # shared by two components
        matrices = matrices / matrices.max()
    gm = GaussianMixture.from_parameters(
        [1.0, 0.0], [[0.0, 0.0], [5.0, 5.0]], matrices, covariance_type=covariance_type
    )
    assert_array_equal(gm.condition([0], [5.0]).weights_, [1.0, 0.0])


# --- both ------------------------------------------------------------------------------------


def test_names_of_the_features_are_kept_and_understood(rng):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(rng.normal(size=(60, 3)), columns=["height", "width", "depth"])
    gm = GaussianMixture(2, random_state=0).fit(X)
    pair = gm.marginal(["depth", "height"])
    assert_array_equal(pair.feature_names_in_, ["depth", "height"])
    assert_array_equal(pair.means_, gm.means_[:, [2, 0]])
    assert pair.predict(X[["depth", "height"]]).shape == (60,)
    given = gm.condition(["width"], [0.3])
    assert_array_equal(given.feature_names_in_, ["height", "depth"])
    assert_array_equal(given.means_, gm.condition([1], [0.3]).means_)
    with pytest.raises(ValueError, match=r"names \['height', 'width', 'depth'\], but got 'age'"):
        gm.marginal(["age"])


def test_a_fitted_mixture_keeps_dtype_seed_and_itself(blobs, covariance_type, dtype, unchanged):
    X = blobs(n=90, d=3, gap=4.0, dtype=dtype).X
    options = {"covariance_type": covariance_type, "random_state": 7, "n_threads": 1}
    gm = GaussianMixture(3, **options).fit(X)
    with unchanged(gm):
        results = gm.marginal([0, 2]), gm.condition([1], X[0, [1]])
    for got in results:
        assert got.means_.dtype == got.covariances_.dtype == dtype
        assert (got.random_state, got.n_threads) == (7, 1)
        assert not np.shares_memory(got.covariances_, gm.covariances_)
        assert_array_equal(got.sample(5)[0], got.sample(5)[0])


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ([4], "numbers of features from 0 to 3, but got 4"),
        ([-1], "numbers of features from 0 to 3, but got -1"),
        ([0.5], "but got 0.5"),
        ([True, False], "but got True"),
        (["a"], "but got 'a'"),
        ([1, 1], "at least one feature and none twice, but got [1, 1]"),
        ([], "at least one feature and none twice, but got []"),
    ],
)
@pytest.mark.parametrize("covariance_type", ["diag"], indirect=True)
def test_dims_that_are_none_are_refused(gm, dims, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        gm.marginal(dims)
    with pytest.raises(ValueError, match=re.escape(message)):
        gm.condition(dims, np.zeros(len(dims)))


@pytest.mark.parametrize("covariance_type", ["full"], indirect=True)
def test_values_and_dims_have_to_fit(gm):
    with pytest.raises(ValueError, match=r"should leave a feature of the 4.*score_samples"):
        gm.condition([0, 1, 2, 3], np.zeros(4))
    with pytest.raises(ValueError, match=re.escape("'values' should have the shape of (2,)")):
        gm.condition([0, 1], [1.0])
    with pytest.raises(ValueError, match="values contains NaN"):
        gm.condition([0], [np.nan])


def test_values_that_are_missing_are_asked_for():
    model = GaussianMixture.from_parameters([1.0], [[0.0, 5.0]], [[[2.0, 1.0], [1.0, 3.0]]])
    match = r"^GaussianMixture.condition\(\) needs values, .* but got only dims, {0: 13.0}"
    with pytest.raises(TypeError, match=match):
        model.condition({0: 13.0})
