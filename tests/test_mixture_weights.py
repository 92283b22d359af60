"""sample_weight of mixtures: how often a row counts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix import GaussianMixture

# the weighted and the repeated rows are summed in another order
CLOSE = {"float64": 1e-9, "float32": 2e-3}


@pytest.fixture
def problem(blobs, mixture_start, covariance_type, dtype, rng):
    """Overlapping rows, whole weights with some zeros, and an explicit start."""
    X, truth, _ = blobs(n=150, d=2, gap=2.0, dtype=dtype)
    weight = rng.randint(4, size=len(X))
    start = mixture_start(X, truth, covariance_type)
    model = GaussianMixture(
        3, covariance_type=covariance_type, tol=0, max_iter=12, reg_covar=1e-4, **start
    )
    return X, weight, model


def parameters(model):
    return [model.weights_, model.means_, model.covariances_, model.precisions_cholesky_]


def assert_alike(one, other, tolerance):
    for a, b in zip(parameters(one), parameters(other), strict=True):
        assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    assert one.lower_bound_ == pytest.approx(other.lower_bound_, rel=tolerance)


def clone_fit(model, X, weight=None):
    return GaussianMixture(**model.get_params()).fit(X, sample_weight=weight)


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_whole_weights_are_repeated_rows(problem, dtype):
    X, weight, model = problem
    weighted = clone_fit(model, X, weight)
    repeated = clone_fit(model, np.repeat(X, weight, axis=0))
    assert_alike(weighted, repeated, CLOSE[dtype.name])
    assert weighted.n_iter_ == repeated.n_iter_


def test_rows_without_weight_do_not_matter_but_get_a_label(problem, dtype):
    X, weight, model = problem
    labels = GaussianMixture(**model.get_params()).fit_predict(X, sample_weight=weight)
    assert_alike(
        clone_fit(model, X, weight),
        clone_fit(model, X[weight > 0], weight[weight > 0]),
        CLOSE[dtype.name],
    )
    assert_array_equal(labels, clone_fit(model, X, weight).predict(X))
    assert len(labels) == len(X)


@pytest.mark.parametrize("factor", [2.0**-900, 1e-300, 0.3, 7, 1e300])
def test_the_unit_of_the_weights_does_not_matter(problem, factor, dtype):
    X, weight, model = problem
    weight = weight + 0.5
    tolerance = 1e-11 if dtype == np.float64 else CLOSE["float32"]
    assert_alike(clone_fit(model, X, weight), clone_fit(model, X, weight * factor), tolerance)


def test_equal_weights_are_no_weights(problem, assert_same_fit):
    X, _, model = problem
    assert_same_fit(clone_fit(model, X), clone_fit(model, X, np.full(len(X), 4.0)))


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_every_start_takes_weights(init_params, blobs, covariance_type):
    X, truth, _ = blobs(n=150)
    weight = np.where(truth == 0, 2.0, 0.5)
    model = GaussianMixture(
        3, covariance_type=covariance_type, init_params=init_params, random_state=2, n_init=4
    ).fit(X, sample_weight=weight)
    if init_params == "kmeans":
        assert_allclose(np.sort(model.weights_), [1 / 6, 1 / 6, 2 / 3], rtol=1e-6)
    assert model.weights_.sum() == pytest.approx(1)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random_from_data"])
def test_a_row_without_weight_is_never_a_start(init_params, covariance_type):
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1e3, 1e3], [1.0, 1.0]])
    weight = [1, 1, 1, 0, 1]
    for seed in range(10):
        model = GaussianMixture(
            2,
            covariance_type=covariance_type,
            init_params=init_params,
            random_state=seed,
            max_iter=0,
            reg_covar=0.1,
        ).fit(X, sample_weight=weight)
        assert np.abs(model.means_).max() < 2


def test_scores_are_weighted(problem):
    X, weight, model = problem
    model = clone_fit(model, X, weight)
    each = model.score_samples(X).astype(np.float64)
    p, N = model._n_parameters(), weight.sum()
    assert model.score(X, sample_weight=weight) == pytest.approx(weight @ each / N, rel=1e-6)
    assert model.bic(X, sample_weight=weight) == pytest.approx(
        -2 * weight @ each + p * np.log(N), rel=1e-6
    )
    assert model.aic(X, weight) == pytest.approx(-2 * weight @ each + 2 * p, rel=1e-6)
    repeated = np.repeat(X, weight, axis=0)
    assert model.bic(X, weight) == pytest.approx(model.bic(repeated), rel=1e-6)


def test_a_row_out_of_reach_does_not_score_without_weight():
    model = GaussianMixture(1).fit([[0.0], [1.0], [2.0]])
    X = [[1.0], [1e300]]
    assert model.score(X, sample_weight=[1, 0]) == model.score(X[:1])
    assert model.score(X) == -np.inf


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, -1, 1], "Negative values"),
        ([1, np.nan, 1], "NaN"),
        ([1, np.inf, 1], "infinity"),
        ([0, 0, 0], "at least one non-zero"),
        ([1, 1], r"expected \(3,\)"),
        ([[1], [1], [1]], "1D array or scalar"),
        (np.nan, "NaN"),
        (-1.0, "Negative values"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "fit_predict", "score", "bic", "aic"])
def test_bad_weights_are_refused(method, weight, message, unchanged):
    X = np.array([[0.0], [1.0], [2.0]])
    model = GaussianMixture(1).fit(X)
    with unchanged(model, X), pytest.raises(ValueError, match=message):
        getattr(model, method)(X, sample_weight=weight)


@pytest.mark.parametrize("value", [1e300, -1e160, 9.97e36])
@pytest.mark.parametrize("init_params", ["kmeans", "random", "random_from_data"])
def test_values_of_rows_without_weight_do_not_matter(
    blobs, assert_same_bits, value, init_params, covariance_type
):
    X, _, _ = blobs(n=300, d=2)
    weight = np.ones(len(X))
    weight[::7] = 0.0
    masked = X.copy()
    masked[::7] = value  # as a file has it for what was never measured
    model = GaussianMixture(
        3, covariance_type=covariance_type, init_params=init_params, max_iter=5, random_state=0
    )
    got, expected = clone_fit(model, masked, weight), clone_fit(model, X, weight)
    assert_same_bits(parameters(got), parameters(expected))
    assert got.lower_bounds_ == expected.lower_bounds_
    assert got.fit_predict(masked, sample_weight=weight).shape == (len(X),)
    assert masked[0, 0] == value


def test_too_few_rows_with_weight_are_refused(blobs):
    X, _, _ = blobs(n=90, d=2)
    weight = np.zeros(len(X))
    weight[:2] = 1.0
    with pytest.raises(ValueError, match="n_samples = 2 of positive sample_weight"):
        GaussianMixture(3).fit(X, sample_weight=weight)


def test_weights_whose_sum_overflows_are_refused_by_name(blobs):
    X, _, _ = blobs(n=90, d=2)
    weight = np.full(len(X), 1e308)
    model = GaussianMixture(3, random_state=0).fit(X, sample_weight=weight)
    for criterion in (model.score, model.bic, model.aic, model.icl):
        with pytest.raises(ValueError, match="sample_weight is too large"):
            criterion(X, sample_weight=weight)
