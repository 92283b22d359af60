"""KMeans: sample weights, from none to the ends of the floating-point range."""

import re

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from fastmix import KMeans

NEGATIVE = "Negative values in data passed to `sample_weight`"


def test_no_weights_are_weights_of_one(blobs, dtype, algorithm, assert_same_fit):
    X = blobs(n=90, gap=3.0, dtype=dtype).X
    expected = KMeans(3, random_state=0, algorithm=algorithm).fit(X)
    got = KMeans(3, random_state=0, algorithm=algorithm).fit(X, sample_weight=np.ones(90))
    assert_same_fit(expected, got)


@pytest.mark.parametrize("scale", [2.0**-20, 0.1, 3.7, 1e6])
def test_a_common_factor_only_scales_the_inertia(blobs, rng, scale, algorithm):
    X, weight = blobs(n=90, gap=3.0).X, rng.uniform(0.5, 2, 90)
    expected = KMeans(3, random_state=0, algorithm=algorithm).fit(X, sample_weight=weight)
    got = KMeans(3, random_state=0, algorithm=algorithm).fit(X, sample_weight=scale * weight)
    assert_array_equal(got.labels_, expected.labels_)
    assert got.n_iter_ == expected.n_iter_
    assert_allclose(got.cluster_centers_, expected.cluster_centers_, rtol=1e-12)
    assert got.inertia_ == pytest.approx(scale * expected.inertia_, rel=1e-12)
    assert_allclose(got.inertia_history_, scale * expected.inertia_history_, rtol=1e-12)


def test_a_scalar_weighs_every_row(blobs, assert_same_fit):
    X = blobs(n=60).X
    expected = KMeans(3, random_state=0).fit(X, sample_weight=np.full(60, 2.5))
    assert_same_fit(expected, KMeans(3, random_state=0).fit(X, sample_weight=2.5))


@pytest.mark.parametrize("kind", ["list", "int64", "uint8", "float32", "bool", "object", "Series"])
def test_weights_of_any_kind_agree(blobs, kind, assert_same_fit):
    X = blobs(n=60).X
    weight = np.arange(60.0) % (2 if kind == "bool" else 5)
    if kind == "list":
        given = weight.tolist()
    elif kind == "Series":
        given = pytest.importorskip("pandas").Series(weight)
    else:
        given = weight.astype(kind)
    expected = KMeans(3, random_state=0).fit(X, sample_weight=weight)
    assert_same_fit(expected, KMeans(3, random_state=0).fit(X, sample_weight=given))


def test_float32_rows_keep_float64_weights(blobs):
    X, _, start = blobs(n=60, dtype="float32")
    weight = np.ones(60)
    weight[0] += 1e-10
    inertia = KMeans(3, init=start).fit(X, sample_weight=weight).inertia_
    assert inertia > KMeans(3, init=start).fit(X).inertia_


def test_integer_weights_equal_repeated_rows(blobs, rng, algorithm):
    X, _, start = blobs(n=60, gap=3.0)
    times = rng.randint(1, 5, 60)
    options = {"init": start, "tol": 0, "algorithm": algorithm}
    weighted = KMeans(3, **options).fit(X, sample_weight=times)
    repeated = KMeans(3, **options).fit(np.repeat(X, times, axis=0))
    assert_array_equal(np.repeat(weighted.labels_, times), repeated.labels_)
    assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_, atol=1e-11)
    assert weighted.inertia_ == pytest.approx(repeated.inertia_, rel=1e-11)
    assert weighted.n_iter_ == repeated.n_iter_


def test_rows_of_weight_zero_move_nothing(blobs):
    X, _, start = blobs(n=60, gap=3.0)
    strangers = np.full((5, 2), 30.0)
    weight = np.r_[np.ones(60), np.zeros(5)]
    got = KMeans(3, init=start, tol=0).fit(np.r_[X, strangers], sample_weight=weight)
    expected = KMeans(3, init=start, tol=0).fit(X)
    assert_array_equal(got.labels_[:60], expected.labels_)
    assert_allclose(got.cluster_centers_, expected.cluster_centers_, atol=1e-12)
    assert got.inertia_ == pytest.approx(expected.inertia_, rel=1e-12)


@pytest.mark.parametrize("init", ["k-means++", "random"])
@pytest.mark.parametrize("seed", range(5))
def test_rows_of_weight_zero_are_never_seeds(init, seed):
    X = np.r_[np.arange(4.0), 1000 * np.arange(1.0, 30)][:, None]
    weight = np.r_[np.ones(4), np.zeros(29)]
    km = KMeans(4, init=init, n_init=1, max_iter=1, random_state=seed)
    km.fit(X, sample_weight=weight)
    assert_allclose(np.sort(km.cluster_centers_[:, 0]), [0, 1, 2, 3], atol=1e-10)


def test_rows_of_weight_zero_never_refill_an_empty_cluster():
    X = np.array([[0.0], [1.0], [10.0], [14.0], [500.0]])
    weight = [1, 1, 1, 1, 0]
    km = KMeans(2, init=[[0.0], [1e6]]).fit(X, sample_weight=weight)
    assert_allclose(np.sort(km.cluster_centers_[:, 0]), [0.5, 12.0], atol=1e-10)


def test_one_row_of_weight_gives_equal_centers_and_a_warning(rng):
    X, weight = rng.normal(size=(10, 2)), np.zeros(10)
    weight[6] = 3.0
    km = KMeans(2, random_state=0)
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        km.fit(X, sample_weight=weight)
    assert_allclose(km.cluster_centers_, X[[6, 6]], atol=1e-14)
    assert km.inertia_ == pytest.approx(0, abs=1e-25)


@pytest.mark.parametrize("n_weighted", [1, 2, 3])
def test_fewer_rows_of_weight_than_empty_clusters_fill_as_many_as_they_can(n_weighted, algorithm):
    X, weight = np.arange(6.0)[:, None], np.arange(6) < n_weighted
    km = KMeans(5, init=[[0.0], [90], [91], [92], [93]], algorithm=algorithm)
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        km.fit(X, sample_weight=weight.astype(float))
    assert set(km.cluster_centers_[:, 0]) == set(range(n_weighted))
    assert km.inertia_ == 0


def test_random_seeds_need_as_many_rows_of_weight(rng):
    weight = np.zeros(10)
    weight[6] = 3.0
    with pytest.raises(ValueError, match=r"weight") as caught:
        KMeans(2, init="random", random_state=0).fit(rng.normal(size=(10, 2)), sample_weight=weight)
    assert re.search(r"\b1\b", str(caught.value)), "the message counts the rows of weight"


# --- the ends of the range -------------------------------------------------------------------


@pytest.mark.parametrize("weight", [1e300, 1e-300, 1e308, 1e-308, 1e-310])
def test_extreme_weights_leave_the_partition(blobs, weight, algorithm):
    X = blobs(n=60, gap=10.0).X / 2**12  # so that the inertia itself stays in range
    expected = KMeans(3, random_state=0, algorithm=algorithm).fit(X)
    got = KMeans(3, random_state=0, algorithm=algorithm)
    got.fit(X, sample_weight=np.full(60, weight))
    assert_array_equal(got.labels_, expected.labels_)
    assert got.n_iter_ == expected.n_iter_
    assert_allclose(got.cluster_centers_, expected.cluster_centers_, rtol=1e-9)
    assert got.inertia_ == pytest.approx(weight * expected.inertia_, rel=1e-9, abs=1e-320)


def test_mixed_extreme_weights_act_as_their_ratios(blobs):
    X, truth, start = blobs(n=60)
    weight = np.where(truth == 0, 1e-100, 1e100)
    km = KMeans(3, init=start).fit(X, sample_weight=weight)
    assert_array_equal(km.labels_, truth)


def test_an_inertia_beyond_float64_is_the_overflow_error(blobs):
    with pytest.raises(ValueError, match=r"(?s)too large.*overflow"):
        KMeans(3, random_state=0).fit(blobs(n=60).X, sample_weight=np.full(60, 1e308))


# --- refused ---------------------------------------------------------------------------------


BAD_WEIGHTS = {
    "one negative": (np.r_[-1e-9, np.ones(11)], NEGATIVE),
    "all negative": (-np.ones(12), NEGATIVE),
    "negative scalar": (-1.0, NEGATIVE),
    "NaN": (np.r_[np.nan, np.ones(11)], "Input sample_weight contains NaN."),
    "inf": (np.r_[np.inf, np.ones(11)], "Input sample_weight contains infinity"),
    "short": (np.ones(11), "sample_weight.shape == (11,), expected (12,)!"),
    "column": (np.ones((12, 1)), "Sample weights must be 1D array or scalar"),
    "all zero": (np.zeros(12), "Sample weights must contain at least one non-zero number."),
    "zero scalar": (0.0, "Sample weights must contain at least one non-zero number."),
    "NaN scalar": (np.nan, "sample_weight"),
    "inf scalar": (np.inf, "sample_weight"),
    "minus inf scalar": (-np.inf, "sample_weight"),
    "complex": (np.full(12, 1j), "Complex data not supported"),
    "words": (["heavy"] * 12, "could not convert string to float"),
}


@pytest.mark.parametrize(("bad", "message"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
@pytest.mark.parametrize("method", ["fit", "fit_predict", "fit_transform", "score"])
def test_bad_weights_are_refused(blobs, method, bad, message, unchanged):
    X, _, start = blobs(n=12)
    km = KMeans(3, init=start).fit(X)
    with unchanged(km, X), pytest.raises(ValueError, match=re.escape(message)):
        getattr(km, method)(X, sample_weight=bad)


def test_weights_of_a_fit_are_never_written(blobs, assert_same_bits):
    X = blobs(n=30).X
    weight = np.arange(30.0)
    weight.setflags(write=False)
    km = KMeans(3, random_state=0).fit(X, sample_weight=weight)
    assert km.score(X, sample_weight=weight) == pytest.approx(-km.inertia_, rel=1e-12)
    assert_same_bits(weight, np.arange(30.0))


def test_weights_steer_the_seeds():
    X = np.arange(20.0)[:, None]
    weight = np.where(np.arange(20) < 3, 1e9, 1.0)
    firsts = [
        KMeans(1, init="random", n_init=1, max_iter=1, random_state=seed)
        .fit(X, sample_weight=weight)
        .inertia_history_[0]
        for seed in range(8)
    ]
    seeds_at = {float(naive.inertia(X, weight, np.zeros(20, int), X[[i]])) for i in range(3)}
    assert all(any(np.isclose(value, near, rtol=1e-9) for near in seeds_at) for value in firsts)
