"""KMeans: offsets, scales, far queries, and fits and queries of different dtypes."""

import re

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris

from fastmix import BisectingKMeans, KMeans, MiniBatchKMeans
from fastmix.engine.rows import FEW
from fastmix.kernels.tiles import pack

OVERFLOW = r"(?s)too large.*overflow"


def exact_inertia(X, labels):
    """Inertia of the best centers of a partition, in long double."""
    weight = np.ones(len(X))
    centers = naive.average(*naive.cluster_totals(X, weight, labels, labels.max() + 1))
    return float(naive.inertia(X, weight, labels, centers))


# --- offsets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "offset", "rtol"),
    [
        ("float64", 1e3, 1e-9),
        ("float64", 1e6, 1e-9),
        ("float64", 1e8, 1e-6),
        ("float32", 1e3, 1e-6),
        ("float32", 1e4, 1e-6),
    ],
)
def test_an_offset_costs_no_accuracy(blobs, kind, offset, rtol, algorithm):
    X = (blobs(n=90, gap=3.0).X + offset).astype(kind)
    km = KMeans(3, random_state=0, tol=0, algorithm=algorithm).fit(X)
    assert km.inertia_ == pytest.approx(exact_inertia(X, km.labels_), rel=rtol)
    assert_array_equal(km.predict(X), km.labels_)
    assert -km.score(X) == pytest.approx(km.inertia_, rel=rtol)


@pytest.mark.parametrize("offset", [1e3, 1e4, 1e6])
@pytest.mark.parametrize("seed", range(3))
def test_float32_rows_far_from_zero_keep_their_labels_in_predict(offset, seed, algorithm):
    X = (np.random.RandomState(seed).normal(size=(90, 2)) + offset).astype(np.float32)
    km = KMeans(4, random_state=seed, algorithm=algorithm).fit(X)
    assert_array_equal(km.predict(X), km.labels_)
    assert_array_equal(km.fit_predict(X), km.labels_)
    assert km.score(X) == pytest.approx(-km.inertia_, rel=1e-5)


@pytest.mark.parametrize("offset", [2.0**10, -(2.0**20), 2.0**26])
def test_a_translation_moves_only_the_centers(blobs, offset):
    X = np.round(blobs(n=90, gap=3.0).X * 2**10) / 2**10  # so that X + offset is exact
    expected = KMeans(3, random_state=0).fit(X)
    got = KMeans(3, random_state=0).fit(X + offset)
    assert_array_equal(got.labels_, expected.labels_)
    assert got.n_iter_ == expected.n_iter_
    assert got.inertia_ == pytest.approx(expected.inertia_, rel=1e-7)
    assert_allclose(got.cluster_centers_ - offset, expected.cluster_centers_, atol=1e-7)


# --- scales ----------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [-60, -7, 1, 40])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_a_power_of_two_scales_everything_exactly(blobs, dtype, power, init, algorithm):
    X = blobs(n=90, gap=3.0, dtype=dtype).X
    options = {"init": init, "n_init": 2, "random_state": 0, "algorithm": algorithm}
    scale = dtype.type(2.0**power)
    expected = KMeans(3, **options).fit(X)
    got = KMeans(3, **options).fit(X * scale)
    assert_array_equal(got.labels_, expected.labels_)
    assert got.n_iter_ == expected.n_iter_
    assert_array_equal(got.cluster_centers_, expected.cluster_centers_ * scale)
    assert got.inertia_ == expected.inertia_ * 4.0**power
    assert_array_equal(got.inertia_history_, expected.inertia_history_ * 4.0**power)


@pytest.mark.parametrize("scale", [1e-160, 1e-100, 1e100, 1e150])
def test_very_small_and_very_large_rows_have_the_partition_of_unit_rows(blobs, scale, algorithm):
    X, truth, start = blobs(n=60)
    km = KMeans(3, init=start * scale, algorithm=algorithm).fit(X * scale)
    assert_array_equal(km.labels_, truth)
    assert_array_equal(km.predict(X * scale), truth)
    assert_allclose(
        km.cluster_centers_, [X[truth == c].mean(axis=0) * scale for c in range(3)], rtol=1e-9
    )
    if scale >= 1e-100:
        unit = KMeans(3, init=start).fit(X).inertia_
        assert km.inertia_ == pytest.approx(unit * scale * scale, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-100, 1e100, 1e150])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_seeds_are_found_at_any_scale(blobs, scale, init):
    X = blobs(n=60).X
    expected = KMeans(3, init=init, random_state=0).fit(X)
    assert_array_equal(
        KMeans(3, init=init, random_state=0).fit(X * scale).labels_, expected.labels_
    )


@pytest.mark.parametrize("scale", [1e160, 1e200, 1e300])
@pytest.mark.parametrize("init", ["k-means++", "random", "given"])
def test_squares_beyond_float64_are_refused_by_name(blobs, scale, init, unchanged):
    X, _, start = blobs(n=60)
    km = KMeans(3, init=start * scale if init == "given" else init, random_state=0)
    with unchanged(km, X), pytest.raises(ValueError, match=OVERFLOW):
        km.fit(X * scale)
    assert not hasattr(km, "cluster_centers_")


@pytest.mark.parametrize("scale", [1e15, 1e19, 1e20, 1e37])
def test_large_float32_rows_never_overflow_silently(blobs, scale, algorithm):
    X, truth, start = blobs(n=60)
    X, start = (X / 40 * scale).astype("float32"), (start / 40 * scale).astype("float32")
    km, refusal = KMeans(3, init=start, algorithm=algorithm), None
    try:
        km.fit(X)
    except ValueError as error:
        refusal = str(error)
    if scale >= 1e19 and refusal:
        assert re.search(OVERFLOW, refusal)
        return
    assert_array_equal(km.labels_, truth)
    assert_array_equal(km.predict(X), truth)
    assert np.isfinite(km.inertia_)
    assert np.isfinite(km.cluster_centers_).all()


def test_a_constant_column_has_no_effect(blobs):
    X, _, start = blobs(n=60, gap=3.0)
    wide, wide_start = np.c_[X, np.full(60, 1e6)], np.c_[start, np.full(3, 1e6)]
    got, expected = KMeans(3, init=wide_start, tol=0).fit(wide), KMeans(3, init=start, tol=0).fit(X)
    assert_array_equal(got.labels_, expected.labels_)
    assert_array_equal(got.cluster_centers_[:, 2], 1e6)
    assert got.inertia_ == pytest.approx(expected.inertia_, rel=1e-12)


# --- far queries -----------------------------------------------------------------------------


@pytest.mark.parametrize("far", [1e3, 1e8, 1e100, 1e150])
def test_a_far_row_finds_the_nearest_center(far):
    km = KMeans(2, init=[[-1.0, 0.0], [1.0, 0.0]])
    km.fit([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    assert_array_equal(km.predict([[far, 0.0], [-far, 0.0]]), [1, 0])
    assert_allclose(km.transform([[far, 0.0], [-far, 0.0]]), far, rtol=2 / far + 1e-12)


@pytest.mark.parametrize("far", [1e160, 1e300])
def test_distances_are_finite_as_long_as_the_dtype_holds_them(far):
    km = KMeans(2, init=[[-1.0, 0.0], [1.0, 0.0]])
    km.fit([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    assert_allclose(km.transform([[far, 0.0], [3 * far / 5, 4 * far / 5]]), far, rtol=1e-12)
    assert_array_equal(km.predict([[far, 0.0]]), [1])  # by its direction


# --- dtypes of fit and query -----------------------------------------------------------------


@pytest.mark.parametrize("fit_kind", ["float64", "float32", "int32"])
@pytest.mark.parametrize("query_kind", ["float64", "float32", "int64", "uint8", "float16"])
def test_fit_and_query_may_differ_in_dtype(blobs, fit_kind, query_kind):
    X, _, start = blobs(n=60)
    whole = X.round().clip(0, 200)
    km = KMeans(3, init=start).fit(whole.astype(fit_kind))
    query = whole.astype(query_kind)
    assert_array_equal(km.predict(query), km.labels_)
    assert km.score(query) == pytest.approx(-km.inertia_, rel=1e-5)
    both_single = fit_kind == query_kind == "float32"
    assert km.transform(query).dtype == (np.float32 if both_single else np.float64)
    assert_allclose(km.transform(query), km.transform(whole.astype(fit_kind)), rtol=1e-5)


# --- weights and far rows --------------------------------------------------------------------


def test_a_pass_may_overflow_if_the_result_does_not():
    X, weight = [[0.0], [0.0], [10.0], [10.0]], np.full(4, 1e307)
    km = KMeans(2, init=[[0.0], [0.1]]).fit(X, sample_weight=weight)
    assert km.inertia_ == 0
    assert km.inertia_history_[0] == np.inf
    assert_array_equal(km.labels_, [0, 0, 1, 1])


def test_a_far_row_without_weight_does_not_score():
    X = [[0.0, 0.0], [1.0, 0.0], [5.0, 5.0]]
    km = KMeans(2, random_state=0).fit(X)
    assert km.score([*X, [1e300, 1e300]], sample_weight=[1, 1, 1, 0]) == km.score(X)


def test_float32_at_the_end_of_its_range_is_refused():
    with pytest.raises(ValueError, match=r"too large.*overflow"):
        KMeans(2).fit(np.array([[3e38], [-3e38], [-3e38], [-3e38]], np.float32))


def test_centers_set_by_hand_may_be_whole_numbers():
    km = KMeans(2, random_state=0).fit([[0.0], [1.0], [8.0], [9.0]])
    km.cluster_centers_ = np.array([[8], [1]])
    assert_array_equal(km.predict([[0.0], [9.0]]), [1, 0])
    km.cluster_centers_ = np.array([[8, 1]])
    with pytest.raises(ValueError, match="features"):
        km.predict([[0.0], [9.0]])


@pytest.mark.compiled
def test_a_read_only_array_compiles_nothing(rng):
    X = rng.normal(size=(FEW, 3))  # few rows need no such kernel
    KMeans(2, random_state=0).fit(X)
    compiled = len(pack.block.signatures)
    assert compiled > 0
    X.setflags(write=False)
    KMeans(2, random_state=0).fit(X)
    assert len(pack.block.signatures) == compiled


@pytest.mark.parametrize("far", [1e7, 1e8, 1e9, 1e11, 1e17])
@pytest.mark.parametrize("Estimator", [KMeans, MiniBatchKMeans])
def test_far_rows_without_weight_have_the_labels_of_predict(Estimator, far, dtype, rng):
    X = np.concatenate([rng.normal(size=(40, 2)) + shift for shift in (-5, 5)])
    X = np.concatenate([X, [[far, 1], [-far, 1], [1, far], [1, -far]]]).astype(dtype)
    weight = np.repeat([1.0, 0.0], [80, 4])
    model = Estimator(2, random_state=0).fit(X, sample_weight=weight)
    assert_array_equal(model.predict(X), model.labels_)
    right, left = model.labels_[80:82]
    assert right != left


@pytest.mark.parametrize("Estimator", [KMeans, MiniBatchKMeans, BisectingKMeans])
def test_the_direction_of_a_far_row_tells_its_center(Estimator, dtype):
    """Where its distances to all centers are rounded to one number; scikit-learn agrees."""
    X = load_iris().data.astype(dtype)
    model = Estimator(3, random_state=0).fit(X)
    most = np.finfo(dtype).max
    for size in (1e4, 1e7, 1e9, 1e16, 1e20, most / 10, most):
        far = np.array([[1, 1, 1, 1], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1], [-1, 0.5, 1, 0]])
        centers = model.cluster_centers_.astype(np.longdouble)
        rows = (far * size).astype(dtype).astype(np.longdouble)
        exact = (centers**2).sum(1) - 2 * rows @ centers.T
        got = model.predict(rows.astype(dtype))
        if Estimator is not BisectingKMeans:  # which goes down its tree
            assert_array_equal(got, exact.argmin(1))
        assert len(set(got)) > 1
    assert_array_equal(model.predict(X), model.labels_)
