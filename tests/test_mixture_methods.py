"""GaussianMixture beyond scikit-learn's methods: against the definitions, in long double, and SciPy."""

import re
import warnings

import hypothesis
import naive
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import NotFittedError

from fastmix import GaussianMixture

EPS = np.finfo(np.float64).eps
K, D = 3, 2


@pytest.fixture
def mixture(rng, covariance_type):
    """Weights, means and covariances of three overlapping components in two features."""
    root = rng.normal(size=(K, D, D))
    matrices = root @ root.swapaxes(1, 2) + np.eye(D)
    covariances = naive.from_full(matrices, np.ones(K), covariance_type)
    return np.array([0.5, 0.3, 0.2]), 2 * rng.normal(size=(K, D)), covariances


@pytest.fixture
def given(mixture, covariance_type):
    """The estimator of the mixture."""
    return GaussianMixture.from_parameters(*mixture, covariance_type=covariance_type)


# --- criteria --------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "d"), [(1, 1), (2, 3), (4, 2)])
def test_parameters_are_counted_as_by_bic(blobs, covariance_type, k, d):
    X = blobs(n=60, d=d, k=k).X
    gm = GaussianMixture(k, covariance_type=covariance_type, random_state=0).fit(X)
    assert gm.n_parameters_ == naive.n_parameters(covariance_type, k, d)
    assert gm.bic(X) - gm.aic(X) == pytest.approx(gm.n_parameters_ * (np.log(60) - 2))
    assert not hasattr(GaussianMixture(), "n_parameters_")


def test_icl_is_the_bic_of_labelled_rows(given, mixture, rng, covariance_type):
    X = 2 * rng.normal(size=(50, D))
    log_norm, resp = naive.e_step(X, *mixture, covariance_type)
    complete = float((log_norm + np.log(resp.max(axis=1))).sum())
    expected = -2 * complete + given.n_parameters_ * np.log(50)
    assert given.icl(X) == pytest.approx(expected, rel=1e-12)
    assert given.icl(X) > given.bic(X)


def test_icl_counts_a_row_as_often_as_its_weight_says(given, rng):
    X, times = 2 * rng.normal(size=(40, D)), np.arange(40) % 3
    expected = given.icl(np.repeat(X, times, axis=0))
    assert given.icl(X, sample_weight=times) == pytest.approx(expected, rel=1e-12)


def test_icl_of_one_component_or_far_ones_is_bic(blobs):
    X = blobs(gap=40.0).X
    for k in (1, 3):
        gm = GaussianMixture(k, random_state=0).fit(X)
        assert gm.icl(X) == pytest.approx(gm.bic(X), rel=4 * EPS)


def test_icl_by_hand():
    """Two unit components at -1 and 1; the row at 0 is of either with probability 1/2."""
    gm = GaussianMixture.from_parameters(
        [0.5, 0.5], [[-1.0], [1.0]], [1.0, 1.0], covariance_type="spherical"
    )
    assert gm.n_parameters_ == 5  # two means, two variances, one weight
    assert gm.icl([[0.0]]) == pytest.approx(1 + naive.LOG_2PI + 2 * np.log(2), rel=4 * EPS)


# --- uncertainty -----------------------------------------------------------------------------


def test_uncertainty_is_what_the_best_component_lacks(given, mixture, rng, covariance_type, dtype):
    X = (2 * rng.normal(size=(50, D))).astype(dtype)
    got = given.uncertainty(X)
    assert got.shape == (50,)
    assert got.dtype == np.float64  # the common dtype of rows and model
    resp = naive.e_step(X, *mixture, covariance_type)[1]
    assert_allclose(got, (1 - resp.max(axis=1)).astype(np.float64), rtol=1e-11)


def test_tiny_uncertainties_are_not_lost_in_a_difference():
    """At x, the odds of unit components at 0 and 20 are exp(200 - 20 x)."""
    gm = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [20.0]], [[[1.0]], [[1.0]]])
    x = np.array([0.0, 5.0, 9.0, 10.0, 19.0])
    assert_allclose(gm.uncertainty(x[:, None]), 1 / (1 + np.exp(np.abs(200 - 20 * x))), rtol=1e-12)


def test_uncertainty_is_zero_for_one_component_and_far_rows(given):
    one = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    assert_array_equal(one.uncertainty([[0.0], [3.0]]), 0)
    with np.errstate(over="ignore", invalid="ignore"):
        assert_array_equal(given.uncertainty([[1e200, 0.0]]), 0)


# --- Mahalanobis distances -------------------------------------------------------------------


def test_mahalanobis_distances_are_those_of_the_definition(given, mixture, rng, covariance_type):
    X = 3 * rng.normal(size=(50, D))
    _, means, covariances = mixture
    got = given.mahalanobis(X)
    for c, matrix in enumerate(naive.to_full(covariances, covariance_type, K, D)):
        diff = X - means[c]
        expected = np.sqrt(np.einsum("ij,jk,ik->i", diff, np.linalg.inv(matrix), diff))
        assert_allclose(got[:, c], expected, rtol=1e-12)


def test_mahalanobis_distances_by_hand():
    gm = GaussianMixture.from_parameters(
        [0.5, 0.5], [[0, 0], [6, 8]], [[1.0, 4.0], [9.0, 16.0]], covariance_type="diag"
    )
    got = gm.mahalanobis([[0.0, 0.0], [3.0, 8.0]])
    assert_allclose(got, [[0, np.sqrt(8)], [5, 1]], rtol=4 * EPS)


def test_an_offset_costs_mahalanobis_no_accuracy(rng, covariance_type):
    X = np.round(rng.normal(size=(90, D)) * 2**20) / 2**20  # an offset of 2**30 rounds nothing
    near, far = (
        GaussianMixture(2, covariance_type=covariance_type, random_state=0, max_iter=20, tol=1e-2)
        .fit(X + offset)
        .mahalanobis(X + offset)
        for offset in (0.0, 2.0**30)
    )
    assert_allclose(far, near, rtol=1e-7, atol=1e-7)


def test_mahalanobis_goes_block_by_block_and_beyond_the_root_of_float64(given, monkeypatch, rng):
    X = np.r_[3 * rng.normal(size=(7, D)), [[1e200, -1e200]]]
    whole = given.mahalanobis(X)
    monkeypatch.setattr("fastmix.engine.mahalanobis.BLOCK_NUMBERS", 3 * D)
    assert_array_equal(given.mahalanobis(X), whole)
    assert np.all((whole[-1] > 1e198) & (whole[-1] < 1e201))
    assert given.mahalanobis(X[:2].astype(np.float32)).dtype == np.float64


# --- from_parameters -------------------------------------------------------------------------


def test_a_given_mixture_has_the_density_of_scipy(given, mixture, rng, covariance_type):
    X = 2 * rng.normal(size=(30, D))
    weights, means, covariances = mixture
    full = naive.to_full(covariances, covariance_type, K, D)
    density = sum(
        w * multivariate_normal(m, c).pdf(X) for w, m, c in zip(weights, means, full, strict=True)
    )
    assert_allclose(given.score_samples(X), np.log(density), rtol=1e-11)
    assert_array_equal(given.predict(X), given.predict_proba(X).argmax(axis=1))


@hypothesis.given(
    seed=st.integers(0, 10_000),
    k=st.integers(1, 5),
    d=st.integers(1, 6),
    unit=st.sampled_from([1e-5, 1.0, 1e6]),
    offset=st.sampled_from([0.0, 1e3]),
)
def test_densities_are_scipys_at_any_parameters(seed, k, d, unit, offset, covariance_type):
    random = np.random.RandomState(seed)
    root = random.normal(size=(k, d, d))
    matrices = unit**2 * (root @ root.swapaxes(1, 2) + 0.1 * np.eye(d))
    weights = random.dirichlet(np.ones(k))
    means = unit * (3 * random.normal(size=(k, d)) + offset)
    covariances = naive.from_full(matrices, np.ones(k), covariance_type).astype(np.float64)
    gm = GaussianMixture.from_parameters(
        weights, means, covariances, covariance_type=covariance_type
    )
    X = unit * (4 * random.normal(size=(20, d)) + offset)
    log_prob = np.empty((20, k))
    for c, matrix in enumerate(naive.to_full(covariances, covariance_type, k, d)):
        log_prob[:, c] = multivariate_normal(means[c], matrix.astype(np.float64)).logpdf(X)
    log_prob += np.log(weights)
    expected = logsumexp(log_prob, axis=1)
    assert_allclose(gm.score_samples(X), expected, rtol=1e-8, atol=1e-8)
    assert_allclose(gm.predict_proba(X), np.exp(log_prob - expected[:, None]), atol=1e-8)


def test_a_given_mixture_has_all_attributes_of_a_fitted_one(
    given, mixture, covariance_type, blobs, fitted, assert_same_bits
):
    fit = GaussianMixture(K, covariance_type=covariance_type, random_state=0).fit(blobs().X)
    assert fitted(given).keys() == fitted(fit).keys() - {"fit_report_"}
    for name, value in zip(("weights_", "means_", "covariances_"), mixture, strict=True):
        assert_same_bits(getattr(given, name), np.array(value, order="C"), name)
    assert_allclose(given.precisions_, naive.precisions(mixture[2], covariance_type), rtol=1e-12)
    assert (given.n_features_in_, given.converged_, given.n_iter_) == (D, True, 0)
    assert (given.lower_bound_, given.lower_bounds_, given.init_results_) == (-np.inf, [], [])


def test_given_parameters_are_copied_and_may_be_float32(mixture, covariance_type):
    narrow = [np.asarray(part, np.float32) for part in mixture]
    gm = GaussianMixture.from_parameters(*narrow, covariance_type=covariance_type)
    assert gm.means_.dtype == gm.covariances_.dtype == gm.precisions_.dtype == np.float32
    kept = gm.means_.copy()
    narrow[1] += 1
    assert_array_equal(gm.means_, kept)
    lists = GaussianMixture.from_parameters([1], [[0, 1]], [1], covariance_type="spherical")
    assert lists.means_.dtype == np.float64


def test_a_given_mixture_can_be_drawn_from_and_fitted_further(given, mixture, covariance_type):
    X, labels = given.sample(4000, random_state=1)
    assert_allclose(np.bincount(labels) / 4000, mixture[0], atol=0.04)
    given.set_params(warm_start=True, tol=1e-2)
    before = given.score(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        given.fit(X)
    assert given.n_iter_ >= 2
    assert given.lower_bounds_[0] == pytest.approx(before, rel=1e-12)
    assert given.score(X) >= before
    assert_allclose(given.means_, mixture[1], atol=0.5)


EYE = np.eye(2)
BAD = {
    "weights shape": (([1.0], [[0.0, 0], [1, 1]], [EYE, EYE]), "'weights' should have the shape of (2,)"),
    "weights sum": (([0.5, 0.6], [[0.0, 0], [1, 1]], [EYE, EYE]), "got sum(weights) = 1.10000"),
    "weights range": (([-0.5, 1.5], [[0.0, 0], [1, 1]], [EYE, EYE]), "in the range [0, 1]"),
    "means": (([0.5, 0.5], [0.0, 1.0], [EYE, EYE]), "Expected 2D array"),
    "NaN": (([0.5, 0.5], [[0.0, np.nan], [1, 1]], [EYE, EYE]), "means contains NaN"),
    "shape": (
        ([0.5, 0.5], [[0.0, 0], [1, 1]], EYE),
        "'covariances' should have the shape of (2, 2, 2), but got (2, 2)",
    ),
    "asymmetric": (
        ([0.5, 0.5], [[0.0, 0], [1, 1]], [EYE, [[1, 0.5], [0, 1]]]),
        "should be symmetric, positive-definite, but got a matrix that is not symmetric",
    ),
    "indefinite": (
        ([0.5, 0.5], [[0.0, 0], [1, 1]], [EYE, [[1, 2], [2, 1]]]),
        "what is given of component 1 is not: its covariance is not positive definite. Add a little",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "message"), BAD.values(), ids=BAD)
def test_parameters_that_are_no_mixture_are_refused(parts, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        GaussianMixture.from_parameters(*parts)


def test_variances_and_types_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"positive, but .* component 1 .* variance is -2"):
        GaussianMixture.from_parameters(
            [0.5, 0.5], [[0.0], [1.0]], [1.0, -2.0], covariance_type="spherical"
        )
    with pytest.raises(ValueError, match=r"definite, but what is given is not: its smallest rel"):
        GaussianMixture.from_parameters(
            [1.0], [[0.0, 1.0]], [[1, 1], [1, 1 + EPS]], covariance_type="tied"
        )
    with pytest.raises(ValueError, match=r"should be one of full, .* but got 'banded'"):
        GaussianMixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="banded")


@pytest.mark.parametrize("method", ["uncertainty", "mahalanobis", "icl", "marginal"])
def test_an_unfitted_mixture_says_so(method):
    with pytest.raises(NotFittedError):
        getattr(GaussianMixture(), method)([[0.0]])
    with pytest.raises(NotFittedError):
        GaussianMixture().condition([0], [0.0])


# --- accelerate ------------------------------------------------------------------------------


def test_acceleration_is_an_option_of_the_estimator(rng, covariance_type):
    X = np.r_[rng.normal(size=(300, D)), 1.5 + 1.5 * rng.normal(size=(300, D))]
    options = {"covariance_type": covariance_type, "tol": 1e-7, "max_iter": 5000, "n_init": 2}
    plain = GaussianMixture(2, random_state=0, **options).fit(X)
    fast = GaussianMixture(2, random_state=0, accelerate="squarem", **options).fit(X)
    assert fast.converged_
    assert fast.n_iter_ < plain.n_iter_
    assert len(fast.lower_bounds_) <= fast.n_iter_
    assert fast.lower_bound_ >= plain.lower_bound_ - 1e-6
    # reg_covar = 1e-6 keeps EM off the very top
    assert np.diff(fast.lower_bounds_).min() > -1e-7
    assert [record.n_iter for record in fast.init_results_ if record.best] == [fast.n_iter_]


def test_threads_do_not_change_an_accelerated_fit(blobs, assert_same_fit):
    X = blobs(n=2000, gap=2.0).X
    one, three = (
        GaussianMixture(3, accelerate="squarem", random_state=0, n_threads=threads).fit(X)
        for threads in (1, 3)
    )
    assert_same_fit(one, three)
