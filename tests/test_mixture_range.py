"""GaussianMixture: offsets, scales, far queries, and fits and queries of different dtypes."""

import re

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix import BayesianGaussianMixture, GaussianMixture
from fastmix.engine.covariances import COVARIANCES

OVERFLOW = r"(?s)too large.*overflow"
FAR = [1e3, 1e8, 1e100, 1e154, 1e200, 1e300]


# --- offsets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("offset", "rtol"), [(1e3, 1e-9), (1e6, 1e-8), (1e8, 1e-6)])
def test_an_offset_costs_no_accuracy(blobs, covariance_type, mixture_start, offset, rtol):
    moved, truth, _ = blobs(n=90, d=2, gap=4.0)
    moved = moved + offset
    X = moved - offset  # exactly, so that both fits see the same problem
    options = mixture_start(X, truth, covariance_type) | {"covariance_type": covariance_type}
    expected = GaussianMixture(3, **options).fit(X)
    options["means_init"] = options["means_init"] + offset
    got = GaussianMixture(3, **options).fit(moved)
    assert got.n_iter_ == expected.n_iter_
    size = np.abs(expected.covariances_).max()
    assert_allclose(got.covariances_, expected.covariances_, rtol=rtol, atol=rtol * size)
    assert_allclose(got.means_ - offset, expected.means_, atol=offset * 1e-15 + 1e-9)
    assert_allclose(got.weights_, expected.weights_, rtol=rtol)
    assert_array_equal(got.predict(moved), expected.predict(X))
    assert got.score(moved) == pytest.approx(expected.score(X), rel=max(rtol, 1e-7))


@pytest.mark.parametrize("offset", [1e3, 1e4])
def test_float32_rows_far_from_zero_keep_their_variances(blobs, covariance_type, offset):
    moved, truth, _ = blobs(n=90, gap=10.0)
    moved = (moved + offset).astype(np.float32)
    options = {"covariance_type": covariance_type, "random_state": 0}
    gm = GaussianMixture(3, **options).fit(moved)
    expected = GaussianMixture(3, **options).fit(moved.astype(np.float64) - offset)
    assert_allclose(gm.covariances_, expected.covariances_, rtol=1e-4, atol=1e-4)
    assert_array_equal(gm.predict(moved), gm.fit_predict(moved))
    assert len(set(zip(gm.predict(moved), truth, strict=True))) == 3


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("gap", [3.0, 10.0])
@pytest.mark.parametrize("cls", [GaussianMixture, BayesianGaussianMixture])
def test_float32_likelihoods_are_those_of_the_same_rows_in_float64(
    blobs, covariance_type, offset, gap, cls
):
    rows = (blobs(n=300, gap=gap).X + offset).astype(np.float32)  # an offset has cost digits here
    options = {"covariance_type": covariance_type, "random_state": 0, "tol": 1e-2}
    single, double = (
        cls(n_components=3, **options, max_iter=300).fit(rows.astype(kind)) for kind in "fd"
    )
    assert single.means_.dtype == np.float32
    per_row = 1 if cls is GaussianMixture else 300  # the bound of the other is that of all rows
    assert single.lower_bound_ == pytest.approx(double.lower_bound_, abs=1e-4 * per_row)
    assert single.score(rows) == pytest.approx(double.score(rows.astype("d")), abs=1e-4)


# --- scales ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [2.0**-30, 2.0**30, 1e100, 1e150])
def test_scaled_rows_scale_the_parameters(blobs, covariance_type, mixture_start, scale):
    X, truth, _ = blobs(n=90, gap=4.0)
    options = mixture_start(X, truth, covariance_type) | {"covariance_type": covariance_type}
    expected = GaussianMixture(3, reg_covar=0, **options).fit(X)
    options["means_init"] = options["means_init"] * scale
    options["precisions_init"] = options["precisions_init"] / scale / scale
    got = GaussianMixture(3, reg_covar=0, **options).fit(X * scale)
    assert got.n_iter_ == expected.n_iter_
    assert_allclose(got.weights_, expected.weights_, rtol=1e-9)
    assert_allclose(got.means_ / scale, expected.means_, rtol=1e-9, atol=1e-9)
    assert_allclose(got.covariances_ / scale / scale, expected.covariances_, rtol=1e-8, atol=1e-8)
    assert_allclose(
        got.lower_bounds_, np.array(expected.lower_bounds_) - 2 * np.log(scale), rtol=1e-9
    )


@pytest.mark.parametrize("scale", [1e-200, 1e-300])
def test_tiny_rows_are_ruled_by_reg_covar(blobs, covariance_type, scale):
    X = blobs(n=60).X * scale
    options = {"init_params": "random", "random_state": 0}
    gm = GaussianMixture(3, covariance_type=covariance_type, **options).fit(X)
    assert np.ravel(gm.covariances_).max() == pytest.approx(1e-6)
    assert np.isfinite(gm.lower_bound_)


@pytest.mark.parametrize("scale", [1e160, 1e200, 1e300])
def test_squares_beyond_float64_are_refused_by_name(blobs, covariance_type, scale, unchanged):
    X = blobs(n=60).X
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    with unchanged(gm, X), pytest.raises(ValueError, match=OVERFLOW):
        gm.fit(X * scale)
    assert not hasattr(gm, "means_")


@pytest.mark.parametrize("scale", [1e15, 1e19, 1e20])
def test_large_float32_rows_never_overflow_silently(blobs, covariance_type, scale):
    X, truth, _ = blobs(n=60)
    X = (X / 40 * scale).astype(np.float32)
    gm, refusal = GaussianMixture(3, covariance_type=covariance_type, random_state=0), None
    try:
        gm.fit(X)
    except ValueError as error:
        refusal = str(error)
    if scale >= 1e19 and refusal:
        assert re.search(OVERFLOW, refusal)
        return
    assert len(set(zip(gm.predict(X), truth, strict=True))) == 3
    assert np.isfinite(gm.lower_bound_)
    assert np.isfinite(gm.covariances_).all()


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "tied_diag"])
def test_a_constant_column_has_the_variance_reg_covar(blobs, covariance_type):
    X = np.c_[blobs(n=60).X, np.full(60, 1e3)]
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    variances = gm.covariances_[..., 2]
    variances = variances[..., 2] if covariance_type in ("full", "tied") else variances
    assert_allclose(variances, 1e-6, rtol=1e-9)


def test_two_distant_float32_rows_have_no_variance_but_the_regular():
    X = np.array([[9999.0], [0.0]], np.float32)
    gm = GaussianMixture(2, covariance_type="spherical", reg_covar=0.1, random_state=0).fit(X)
    assert_allclose(gm.covariances_, [0.1, 0.1], rtol=1e-6)


# --- far queries -----------------------------------------------------------------------------


@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_far_row_belongs_to_the_component_of_least_mahalanobis_distance(
    covariance_type, far, sign
):
    wide = {
        "full": np.array([np.eye(2), np.eye(2) / 4]),
        "tied": np.eye(2),
        "diag": np.array([[1, 1], [0.25, 0.25]]),
        "spherical": np.array([1, 0.25]),
        "tied_diag": np.ones(2),
        "tied_spherical": 1.0,
    }[covariance_type]
    gm = GaussianMixture(
        2,
        covariance_type=covariance_type,
        weights_init=[0.5, 0.5],
        means_init=[[0, 0], [10, 10]],
        precisions_init=wide,
        max_iter=0,
    ).fit(np.random.RandomState(0).normal(size=(20, 2)))
    query = sign * far * np.array([[1.0, 1.0], [0.3, 0.9]])
    proba = gm.predict_proba(query)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert_array_equal(gm.predict(query), proba.argmax(axis=1))
    if not covariance_type.startswith("tied"):  # the second component is the wider one
        assert_array_equal(gm.predict(query), [1, 1])
    elif far < 1e15:
        assert_array_equal(gm.predict(query), [int(sign > 0)] * 2)
    assert not np.isnan(gm.score_samples(query)).any()
    if far < 1e150:
        assert np.isfinite(gm.score_samples(query)).all()


@pytest.mark.parametrize("far", FAR)
def test_a_bayesian_mixture_knows_a_component_for_a_far_row(blobs, covariance_type, far):
    model = BayesianGaussianMixture(
        n_components=3, covariance_type=covariance_type, random_state=0
    ).fit(blobs(n=60).X)
    proba = model.predict_proba(far * np.array([[1.0, 1.0], [-0.3, 0.9]]))
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert_array_equal(model.predict([[far, far]]), [proba[0].argmax()])


@pytest.mark.parametrize("far", FAR[:3])
def test_far_rows_do_not_disturb_near_ones(blobs, covariance_type, far):
    X = blobs(n=60).X
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    with_far = np.r_[X[:30], [[far, -far]], X[30:]]
    assert_array_equal(np.delete(gm.predict_proba(with_far), 30, axis=0), gm.predict_proba(X))


# --- dtypes of fit and query -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["int8", "int64", "uint8", "bool", "float16", ">f8", "longdouble"])
def test_integers_and_other_dtypes_are_computed_in_float64(
    blobs, covariance_type, kind, assert_same_bits
):
    X = (blobs(n=60, gap=4.0).X.round().clip(0, 100) % 2 ** (1 if kind == "bool" else 6)).astype(
        kind
    )
    options = {"covariance_type": covariance_type, "reg_covar": 1e-2, "random_state": 0}
    gm = GaussianMixture(2, **options).fit(X)
    assert gm.means_.dtype == np.float64
    for name in ("predict", "predict_proba", "score_samples", "score", "bic", "aic"):
        method = getattr(gm, name)
        assert_same_bits(method(X), method(X.astype(np.float64)), name)


@pytest.mark.parametrize("fit_kind", ["float64", "float32", "int32"])
@pytest.mark.parametrize("query_kind", ["float64", "float32", "int64", "float16"])
def test_fit_and_query_may_differ_in_dtype(blobs, covariance_type, fit_kind, query_kind):
    X = blobs(n=60).X.round()
    options = {"covariance_type": covariance_type, "reg_covar": 1e-2, "random_state": 0}
    gm = GaussianMixture(3, **options).fit(X.astype(fit_kind))
    query = X.astype(query_kind)
    both_single = fit_kind == query_kind == "float32"
    assert gm.predict_proba(query).dtype == (np.float32 if both_single else np.float64)
    assert gm.score_samples(query).dtype == (np.float32 if both_single else np.float64)
    assert_array_equal(gm.predict(query), gm.predict(X.astype(fit_kind)))
    assert gm.score(query) == pytest.approx(gm.score(X.astype(fit_kind)), rel=1e-4)


@pytest.mark.parametrize("covariance_type", COVARIANCES)
def test_small_float32_rows_fit_like_large_ones(blobs, covariance_type):
    X = blobs(n=90, dtype="float32").X
    small = GaussianMixture(3, covariance_type=covariance_type, reg_covar=0, random_state=0)
    small.fit(X * np.float32(2.0**-60))
    large = GaussianMixture(3, covariance_type=covariance_type, reg_covar=0, random_state=0).fit(X)
    assert_allclose(small.means_ * 2.0**60, large.means_, rtol=1e-5)
    assert small.lower_bound_ == pytest.approx(large.lower_bound_ + 120 * np.log(2), rel=1e-5)


@pytest.mark.parametrize("gap", [1e3, 1e4])
def test_float32_clusters_far_apart_keep_their_covariance(covariance_type, gap, rng):
    truth = np.arange(400) % 2
    X = (rng.normal(size=(400, 2)) + gap * truth[:, None]).astype(np.float32)
    gm = GaussianMixture(2, covariance_type=covariance_type, reg_covar=0, random_state=0).fit(X)
    _, _, expected = naive.m_step(X.astype(float), naive.one_hot(truth, 2), covariance_type, 0)
    order = np.argsort(gm.means_[:, 0])
    got = gm.covariances_ if covariance_type.startswith("tied") else gm.covariances_[order]
    # the rows themselves are rounded at float32's resolution of the gap
    assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
