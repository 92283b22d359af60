"""Data of every kind, for all five classes: dtypes, layouts, frames, sizes, scales, weights.

Tables of what goes in and what has to come out. What only some classes have is tested with them:
test_sparse.py, test_cluster_range.py, test_mixture_range.py, test_bad_input.py and their like.
"""

import copy
import pickle
import re

import numpy as np
import pytest
from fuzz.hostile import (
    FAMILY,
    MIXTURES,
    MODELS,
    Case,
    cases,
    check,
    check_clusters,
    check_finite,
    check_mixture,
)
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs

import fastmix

OVERFLOW = r"(?s)too large.*overflow"

every = pytest.mark.parametrize("name", MODELS)
no_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def model(name, k=3, **options):
    """An estimator of k clusters or components."""
    size = "n_clusters" if name in FAMILY else "n_components"
    return getattr(fastmix, name)(**{size: k, "random_state": 0, **options})


def centers_of(estimator):
    return estimator.cluster_centers_ if hasattr(estimator, "transform") else estimator.means_


def examine(estimator, X, query):
    """All that has to hold of a model, of the rows of its fit and of others."""
    check_finite(estimator)
    (check_clusters if hasattr(estimator, "transform") else check_mixture)(estimator, X, query)


@pytest.fixture(scope="module")
def whole():
    """Whole numbers from 0 to 100 in three blobs, which every dtype can hold."""
    X, _ = make_blobs(60, 2, centers=[[10, 10], [50, 90], [90, 20]], cluster_std=4, random_state=0)
    return X.round().clip(0, 100)


# --- dtypes ----------------------------------------------------------------------------------

DTYPES = ["float16", "longdouble", "bool", "int8", "uint8", "int16", "int32", "int64", "uint64"]
DTYPES += [">f8", ">f4", ">i4", "object", "U8", "S8", "datetime64[s]", "timedelta64[s]"]


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_other_dtypes_are_float64(name, whole, dtype, assert_same_bits, assert_same_fit):
    rows = whole % 2 if dtype == "bool" else whole
    given = rows.astype("int64").astype(dtype) if "64[s]" in dtype else rows.astype(dtype)
    k = 2 if dtype == "bool" else 3
    estimator, plain = model(name, k).fit(given), model(name, k).fit(rows)
    assert_same_fit(estimator, plain)
    assert_same_bits(estimator.predict(given), plain.predict(rows))
    assert estimator.score(given) == plain.score(rows)


@every
@pytest.mark.parametrize("asked", ["float32", "int32", "uint8", "float16"])
@pytest.mark.parametrize("fitted_to", ["float64", "float32", "int64"])
def test_fit_and_query_may_differ_in_dtype(name, whole, fitted_to, asked):
    estimator = model(name).fit(whole.astype(fitted_to))
    assert_array_equal(estimator.predict(whole.astype(asked)), estimator.predict(whole))
    assert estimator.score(whole.astype(asked)) == pytest.approx(estimator.score(whole), rel=1e-5)


@every
def test_the_largest_whole_numbers_are_rounded(name, assert_same_fit):
    X = 2**63 + np.random.RandomState(0).randint(2**62, size=(30, 2)).astype("uint64")
    assert_same_fit(model(name).fit(X), model(name).fit(X.astype(float)))


@every
def test_a_mask_is_ignored(name, whole, assert_same_fit):
    masked = np.ma.array(whole, mask=whole > 50)
    assert_same_fit(model(name).fit(masked), model(name).fit(whole))


# --- layouts and frames ----------------------------------------------------------------------


def read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


def mapped(X, folder):
    np.save(folder / "rows.npy", X)
    return np.load(folder / "rows.npy", mmap_mode="r")


LAYOUTS = {
    "Fortran": lambda X, folder: np.asfortranarray(X),
    "strided": lambda X, folder: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "negative stride": lambda X, folder: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "unaligned": lambda X, folder: np.frombuffer(b"." + X.tobytes(), X.dtype, offset=1).reshape(
        X.shape
    ),
    "read-only": lambda X, folder: read_only(X),
    "memory-mapped": mapped,
    "memory-mapped columns": lambda X, folder: mapped(np.asfortranarray(X), folder),
    "lists": lambda X, folder: X.tolist(),
    "tuple of rows": lambda X, folder: tuple(X),
}


@every
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same_bits(name, layout, whole, tmp_path, unchanged, assert_same_fit):
    X = whole / 7
    given, plain = LAYOUTS[layout](X, tmp_path), model(name).fit(X)
    estimator = model(name)
    with unchanged(given):
        estimator.fit(given)
        assert_array_equal(estimator.predict(given), plain.predict(X))
    assert_same_fit(estimator, plain)


def nullable(pandas, X):
    return pandas.DataFrame(
        {"a": pandas.array(X[:, 0], "Int64"), "b": pandas.array(X[:, 1], "Float64")}
    )


PANDAS = {
    "floats": lambda pandas, X: pandas.DataFrame(X, columns=["a", "b"]),
    "mixed": lambda pandas, X: pandas.DataFrame(X, columns=["a", "b"]).astype(
        {"a": "f4", "b": "i4"}
    ),
    "nullable": nullable,
    "nullable bool": lambda pandas, X: nullable(pandas, X).assign(
        c=pandas.array([True] * 60, "boolean")
    ),
    "objects": lambda pandas, X: pandas.DataFrame(X, columns=["a", "b"], dtype=object),
    "another index": lambda pandas, X: pandas.DataFrame(
        X, columns=["a", "b"], index=range(60, 0, -1)
    ),
    "whole names": lambda pandas, X: pandas.DataFrame(X),
    "slice": lambda pandas, X: pandas.DataFrame(np.c_[X, X], columns=list("abcd"))[["b", "c"]],
}


@every
@pytest.mark.parametrize("kind", PANDAS)
def test_frames_of_pandas_are_rows_of_float64(name, kind, whole, fitted, assert_same_bits):
    pandas = pytest.importorskip("pandas")
    frame = PANDAS[kind](pandas, whole)
    got, plain = model(name).fit(frame), model(name).fit(frame.to_numpy(dtype=np.float64))
    assert_same_bits(got.predict(frame), plain.predict(frame.to_numpy(dtype=np.float64)))
    found = fitted(got)
    names = found.pop("feature_names_in_", None)
    assert (names is None) == (kind == "whole names")
    assert_same_bits(found, fitted(plain))


@every
@pytest.mark.parametrize("kind", ["Float64", "Float32", "Int32"])
def test_frames_of_polars_are_rows_of_float64(name, kind, whole, fitted, assert_same_bits):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(whole, schema=["a", "b"]).cast(getattr(polars, kind))
    found = fitted(model(name).fit(frame))
    found.pop("feature_names_in_", None)  # older scikit-learn does not know newer polars
    assert_same_bits(found, fitted(model(name).fit(whole)))


@every
def test_missing_values_of_polars_are_refused(name):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1.0, None, 2.0, 3.0], "b": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(ValueError, match="NaN"):
        model(name, 2).fit(frame)


# --- sizes and degenerate rows ---------------------------------------------------------------

NORMAL = np.random.RandomState(0).normal(size=(40, 3))
SIZES = {  # rows and number of clusters
    "k = 1": (NORMAL, 1),
    "k = n": (NORMAL[:6], 6),
    "two rows": (NORMAL[:2], 2),
    "d = 1": (NORMAL[:, :1], 3),
    "d > n": (np.random.RandomState(1).normal(size=(5, 40)), 2),
    "d = 2000": (np.random.RandomState(2).normal(size=(12, 2000)), 2),
    "equal rows": (np.full((20, 3), 0.1), 3),
    "rows of zeros": (np.zeros((20, 2)), 2),
    "fewer distinct rows than clusters": (np.repeat(NORMAL[:5], 10, axis=0), 6),
    "duplicates": (np.repeat(NORMAL[:5], 8, axis=0), 3),
    "a constant column": (np.c_[NORMAL, np.full(40, 1e6)], 3),
    "equal columns": (np.repeat(NORMAL[:, :1], 4, axis=1), 3),
    "rows of the last bits": (1 + np.finfo(float).eps * np.arange(20.0)[:, None], 2),
    "subnormal numbers": (5e-324 * np.arange(20.0)[:, None], 2),
    "an outlier": (np.r_[NORMAL, [[1e9, 0, 0]]], 3),
}


@every
@pytest.mark.parametrize("size", SIZES)
@no_convergence
def test_rows_of_any_size_and_shape_end_in_a_finite_model(name, size, dtype):
    X, k = SIZES[size]
    if size == "d = 2000" and name in MIXTURES:  # a full covariance has two million parameters
        estimator = model(name, k, covariance_type="diag", max_iter=3)
    else:
        estimator = model(name, k)
    X = X.astype(dtype)
    labels = estimator.fit_predict(X)
    examine(estimator, X, 1e3 * X)
    assert_array_equal(estimator.predict(X), labels)
    assert len(set(labels)) <= len(np.unique(X, axis=0))


@every
@no_convergence
def test_equal_rows_have_one_center(name):
    X = np.full((20, 3), 0.1)
    estimator = model(name).fit(X)
    held = np.unique(estimator.predict(X))
    assert_allclose(centers_of(estimator)[held], X[: len(held)], rtol=1e-12)
    if name in FAMILY:
        assert estimator.inertia_ == pytest.approx(0, abs=1e-30)


@pytest.mark.parametrize("name", MIXTURES)
def test_equal_rows_are_no_mixture_without_regularisation(name, covariance_type, unchanged):
    estimator = model(name, 2, reg_covar=0, covariance_type=covariance_type)
    with unchanged(estimator), pytest.raises(ValueError, match="ill-defined empirical covariance"):
        estimator.fit(np.full((20, 3), 0.5))


def test_one_cluster_sits_on_the_weighted_mean():
    weight = np.arange(40.0)
    estimator = model("KMeans", 1).fit(NORMAL, sample_weight=weight)
    mean = weight @ NORMAL / weight.sum()
    assert_allclose(estimator.cluster_centers_, [mean], atol=1e-14)
    assert estimator.inertia_ == pytest.approx(weight @ np.square(NORMAL - mean).sum(1))


@pytest.mark.parametrize("name", MIXTURES)
def test_one_component_has_the_mean_of_the_rows(name):
    estimator = model(name, 1).fit(NORMAL)
    assert_allclose(estimator.means_, [NORMAL.mean(0)], atol=1e-14)
    assert_allclose(estimator.weights_, [1])


@every
def test_fewer_rows_than_clusters_are_refused(name, unchanged):
    estimator = model(name, 5)
    with unchanged(estimator), pytest.raises(ValueError, match=r"n_samples ?>?=.*4"):
        estimator.fit(NORMAL[:4])


@every
def test_one_row_is_asked_for_alone(name):
    estimator = model(name).fit(NORMAL)
    assert_array_equal(
        [estimator.predict(row[None])[0] for row in NORMAL], estimator.predict(NORMAL)
    )
    with pytest.raises(ValueError, match=re.escape("Found array with 0 sample(s)")):
        estimator.predict(NORMAL[:0])


# --- scales and offsets ----------------------------------------------------------------------

SCALES = [1e-300, 1e-200, 1e-160, 1e-100, 1e-30, 1e30, 1e100, 1e150]


@every
@pytest.mark.parametrize("scale", SCALES)
def test_rows_of_any_scale_have_the_partition_of_unit_rows(name, scale, blobs):
    X, truth, _ = blobs(n=60)
    options = {"tol": 0.0} if name == "BisectingKMeans" else {}  # whose tolerance has the unit of X
    options |= {"relative_reg_covar": True} if name in MIXTURES else {}
    if scale < 1e-150 and name in MIXTURES:  # no variance is left
        estimator = model(name).fit(X * scale)
        assert np.ravel(estimator.covariances_).max() == pytest.approx(1e-6, rel=0.1)
    else:
        labels = model(name, **options).fit_predict(X * scale)
        assert len(set(zip(labels, truth, strict=True))) == 3


@every
@pytest.mark.parametrize("scale", [1e160, 1e200, 1e300])
def test_rows_whose_squares_overflow_are_refused_by_name(name, scale, blobs, unchanged):
    X = blobs(n=60).X * scale
    estimator = model(name)
    with unchanged(estimator, X), pytest.raises(ValueError, match=OVERFLOW):
        estimator.fit(X)


@every
@pytest.mark.parametrize("scale", [1e-40, 1e15, 1e19, 1e20, 1e37])
@no_convergence
def test_float32_rows_of_any_scale_give_a_finite_model_or_a_reason(name, scale, blobs):
    X = (blobs(n=60).X / 40 * scale).astype("float32")
    estimator = model(name)
    try:
        estimator.fit(X)
    except ValueError as error:
        assert scale > 1e18
        assert re.search(OVERFLOW, str(error))
    else:
        examine(estimator, X, X)


@every
@pytest.mark.parametrize(("kind", "offset"), [("f8", 1e6), ("f8", 1e8), ("f4", 1e3), ("f4", 1e4)])
def test_an_offset_leaves_the_labels(name, kind, offset, blobs):
    X, truth, _ = blobs(n=60)
    X = (X + offset).astype(kind)
    labels = model(name).fit_predict(X)
    assert len(set(zip(labels, truth, strict=True))) == 3
    assert_array_equal(model(name).fit(X).predict(X), labels)


@every
@pytest.mark.parametrize("far", [1e3, 1e100, 1e154, 1e200, 1e300])
def test_queries_from_far_away_have_an_answer(name, far, blobs):
    X = blobs(n=60).X
    examine(model(name).fit(X), X, far * np.array([[1.0, 1.0], [-1.0, 0.5], [0.0, -1.0]]))


# --- weights ---------------------------------------------------------------------------------

NEGATIVE = "Negative values in data passed to `sample_weight`"
BAD_WEIGHTS = {
    "one negative": (np.r_[-1e-9, np.ones(11)], NEGATIVE),
    "all negative": (-np.ones(12), NEGATIVE),
    "negative number": (-1.0, NEGATIVE),
    "NaN": (np.r_[np.nan, np.ones(11)], "Input sample_weight contains NaN"),
    "inf": (np.r_[np.inf, np.ones(11)], "Input sample_weight contains infinity"),
    "both inf": (np.r_[np.inf, -np.inf, np.ones(10)], "Input sample_weight contains infinity"),
    "number NaN": (np.nan, "sample_weight"),
    "number inf": (np.inf, "sample_weight"),
    "short": (np.ones(11), "sample_weight.shape == (11,), expected (12,)!"),
    "long": (np.ones(13), "sample_weight.shape == (13,), expected (12,)!"),
    "column": (np.ones((12, 1)), "Sample weights must be 1D array or scalar"),
    "all zero": (np.zeros(12), "at least one non-zero number"),
    "number zero": (0, "at least one non-zero number"),
    "complex": (np.full(12, 1j), "Complex data not supported"),
    "words": (["heavy"] * 12, "could not convert string to float"),
}


@every
@pytest.mark.parametrize("bad", BAD_WEIGHTS)
def test_bad_weights_are_refused_by_every_method(name, bad, unchanged):
    X, (weight, message) = NORMAL[:12], BAD_WEIGHTS[bad]
    estimator = model(name).fit(X)
    for method in ("fit", "fit_predict", "fit_transform", "partial_fit", "score", "bic", "aic"):
        if hasattr(estimator, method):
            with unchanged(estimator, X), pytest.raises(ValueError, match=re.escape(message)):
                getattr(estimator, method)(X, sample_weight=weight)


@pytest.mark.parametrize("bad", BAD_WEIGHTS)
def test_bad_weights_are_refused_by_the_functions(bad):
    weight, message = BAD_WEIGHTS[bad]
    if np.ndim(weight) == 0:
        message = "The 'sample_weight' parameter of"  # must be an array there
    for function in (fastmix.k_means, fastmix.kmeans_plusplus):
        with pytest.raises(ValueError, match=re.escape(message)):
            function(NORMAL[:12], 3, sample_weight=weight)


GOOD_WEIGHTS = {
    "list": lambda weight: weight.tolist(),
    "int64": lambda weight: weight.astype("int64"),
    "uint8": lambda weight: weight.astype("uint8"),
    "float32": lambda weight: weight.astype("float32"),
    "object": lambda weight: weight.astype(object),
    "strings": lambda weight: weight.astype(str),
    "strided": lambda weight: np.repeat(weight, 2)[::2],
    "read-only": read_only,
}


@every
@pytest.mark.parametrize("kind", GOOD_WEIGHTS)
@no_convergence
def test_weights_of_any_kind_are_float64(name, kind, whole, unchanged, assert_same_fit):
    weight = 1.0 + np.arange(60.0) % 4
    given = GOOD_WEIGHTS[kind](weight)
    with unchanged(given):
        estimator = model(name).fit(whole, sample_weight=given)
    assert_same_fit(estimator, model(name).fit(whole, sample_weight=weight))


@every
@pytest.mark.parametrize("unit", [2.0**-1000, 2.0**-60, 2.0**60, 2.0**900])
@no_convergence
def test_the_unit_of_the_weights_leaves_the_labels(name, unit, blobs):
    X, truth, _ = blobs(n=60, dtype="float32")
    X, weight = X / 64, 1.0 + np.arange(60.0) % 4
    estimator = model(name)
    if name == "BayesianGaussianMixture" and unit < 1:  # weights are evidence: none is left
        with pytest.raises(ValueError, match="sample_weight"):
            estimator.fit(X, sample_weight=unit * weight)
        return
    if name == "BayesianGaussianMixture" and unit > 2.0**100:
        with pytest.raises(ValueError, match="Scale sample_weight"):
            estimator.fit(X, sample_weight=unit * weight)
        return
    labels = estimator.fit_predict(X, sample_weight=unit * weight)
    assert len(set(zip(labels, truth, strict=True))) == 3


@every
def test_one_row_of_weight_is_one_cluster_or_too_few(name):
    weight = np.eye(12)[5]
    if name in ("KMeans", "MiniBatchKMeans"):
        estimator = model(name, 1).fit(NORMAL[:12], sample_weight=weight)
        assert_allclose(estimator.cluster_centers_, NORMAL[[5]])
    else:
        with pytest.raises(ValueError, match="weight"):
            model(name, 2).fit(NORMAL[:12], sample_weight=weight)


# --- copies and refits -----------------------------------------------------------------------

COPIES = {
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
    "deepcopy": copy.deepcopy,
}


@every
@pytest.mark.parametrize("way", COPIES)
def test_a_copy_answers_alike(name, way, whole, assert_same_bits):
    estimator = model(name).fit(whole)
    other = COPIES[way](estimator)
    assert_same_bits(vars(other), vars(estimator))
    assert_same_bits(other.predict(whole), estimator.predict(whole))
    assert other.score(whole) == estimator.score(whole)


@every
@pytest.mark.filterwarnings("ignore::UserWarning:joblib")
def test_a_model_whose_arrays_are_read_only_answers_alike(name, whole, tmp_path, assert_same_bits):
    joblib = pytest.importorskip("joblib")
    estimator = model(name).fit(whole)
    joblib.dump(estimator, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert not centers_of(loaded).flags.writeable
    assert_same_bits(loaded.predict(whole), estimator.predict(whole))
    assert loaded.score(whole) == estimator.score(whole)


@every
def test_a_refit_leaves_nothing_of_another_shape_dtype_and_container(name, whole, assert_same_fit):
    pandas = pytest.importorskip("pandas")
    estimator = model(name, 2).fit(pandas.DataFrame(NORMAL.astype("f4"), columns=list("abc")))
    assert_same_fit(estimator.fit(whole), model(name, 2).fit(whole))


# --- invariants ------------------------------------------------------------------------------


def problems(names=MODELS, least=1):
    """Any of these models, with `least` to 4 clusters, on any number of rows and features."""
    return given(
        name=st.sampled_from(names),
        seed=st.integers(0, 10_000),
        n=st.integers(12, 120),
        d=st.integers(1, 5),
        k=st.integers(least, 4),
    )


def drawn(seed, n, d):
    """Rows in three groups, of numbers with few bits: sums and shifts of them are exact."""
    random = np.random.RandomState(seed)
    X = random.normal(size=(n, d)) + 4.0 * (np.arange(n) % 3)[:, None]
    return np.round(X * 2**10) / 2**10


def started(name, X, k, **options):
    """A model that starts from given rows, or from a given partition; MiniBatchKMeans draws rows."""
    if name == "BisectingKMeans":
        return model(
            name, k, tol=0.0, init=lambda rows, k, random_state: rows[:k].copy(), **options
        )
    if name in FAMILY:
        return model(name, k, init=X[:k].copy(), **options)
    return model(name, k, init_params=np.arange(len(X)) % k, **options)


@problems()
@no_convergence
def test_a_power_of_two_scales_the_model(name, seed, n, d, k):
    X = drawn(seed, n, d)
    options = {"relative_reg_covar": True} if name in MIXTURES else {}
    one = started(name, X, k, **options).fit(X)
    two = started(name, 2.0**40 * X, k, **options).fit(2.0**40 * X)
    assert_array_equal(two.predict(2.0**40 * X), one.predict(X))
    assert_allclose(centers_of(two), 2.0**40 * centers_of(one), rtol=1e-7, atol=2.0**10)


@problems()
@no_convergence
def test_a_translation_moves_the_model(name, seed, n, d, k):
    X = drawn(seed, n, d)
    one, two = started(name, X, k).fit(X), started(name, X + 1024, k).fit(X + 1024)
    assert_allclose(centers_of(two) - 1024, centers_of(one), atol=1e-6)
    if name in MIXTURES:
        assert_allclose(two.predict_proba(X + 1024), one.predict_proba(X), atol=1e-6)


@problems()
@no_convergence
def test_permuted_features_permute_the_model(name, seed, n, d, k):
    X, order = drawn(seed, n, d), np.random.RandomState(seed).permutation(d)
    one, two = started(name, X, k).fit(X), started(name, X[:, order], k).fit(X[:, order])
    assert_allclose(centers_of(two), centers_of(one)[:, order], atol=1e-6)


# A step of MiniBatchKMeans draws rows by weight, and one cluster of BisectingKMeans has the plain mean.
@problems([name for name in MODELS if name != "MiniBatchKMeans"], least=2)
@no_convergence
def test_whole_weights_are_repeated_rows(name, seed, n, d, k):
    X, times = drawn(seed, n, d), np.random.RandomState(seed).randint(1, 4, size=n)
    repeated = np.repeat(X, times, axis=0)
    one, two = started(name, X, k), started(name, repeated, k)
    if name in FAMILY:
        start = spread if name == "BisectingKMeans" else X[:k]
        one.set_params(init=start)
        two.set_params(init=start)
    else:
        two.set_params(init_params=np.repeat(one.init_params, times))
    one.fit(X, sample_weight=times)
    two.fit(repeated)
    assert_allclose(centers_of(one), centers_of(two), atol=1e-6)


def spread(rows, k, random_state):
    """k places that do not depend on how often a row is there."""
    return np.linspace(rows.min(0), rows.max(0), k + 2)[1:-1]


@problems()
@no_convergence
def test_the_number_of_threads_never_shows(name, seed, n, d, k):
    X = drawn(seed, n, d)
    one, two = (model(name, k, n_threads=number).fit(X) for number in (1, 3))
    assert_array_equal(centers_of(one), centers_of(two))
    assert_array_equal(one.predict(X), two.predict(X))
    assert one.score(X) == two.score(X)


@problems(["KMeans", *MIXTURES])
@no_convergence
def test_no_step_makes_the_objective_worse(name, seed, n, d, k):
    X = drawn(seed, n, d)
    if name == "KMeans":
        course = -started(name, X, k, tol=0.0).fit(X).inertia_history_
    else:
        options = {"reg_covar": 1e-12, "max_iter": 20, "tol": 0.0}
        course = np.array(started(name, X, k, **options).fit(X).lower_bounds_)
    assert len(course) > 1
    assert np.diff(course).min() >= -1e-9 * np.abs(course).max()


# --- hostile rows ----------------------------------------------------------------------------

FOUND = {  # by `nox -s fuzz`, and what has to come of it
    "the sum of float32 rows overflows to either side": (
        Case("KMeans", {}, "normal", 20, 8, scale=38, dtype="float32"),
        "fitted",
    ),
    "so does that of float64 rows that are refused": (
        Case("MiniBatchKMeans", {}, "normal", 20, 8, scale=308),
        "refused",
    ),
    "the inertia of queries overflows": (
        Case("KMeans", {"n_clusters": 3}, "normal", 5000, 2, query=153),
        "fitted",
    ),
    "the largest float32 is rounded up on its way back": (
        Case("KMeans", {}, "outlier", 12, 40, 37, 1e3, "float32", "strided", seed=747),
        "fitted",
    ),
    "a tolerance in the unit of subnormal rows is infinite": (
        Case("BisectingKMeans", {"n_clusters": 3}, "blobs", 20, 2, scale=-300),
        "fitted",
    ),
    "float32 has no inverse of a variance": (
        Case("GaussianMixture", {"reg_covar": 1e-300}, "equal", 10, 1, dtype="float32"),
        "refused",
    ),
    "float32 cannot count the rows that a prior is worth": (
        Case(
            "BayesianGaussianMixture",
            {"weight_concentration_prior": 1e100},
            "normal",
            9,
            2,
            dtype="float32",
        ),
        "refused",
    ),
    "float32 rows and queries at opposite ends": (
        Case(
            "GaussianMixture",
            {},
            "normal",
            30,
            2,
            0,
            -1e37,
            "float32",
            query=38,
            query_dtype="float32",
        ),
        "fitted",
    ),
    "queries whose distance to a center overflows": (
        Case("KMeans", {"n_clusters": 1}, "normal", 4, 130, query=308),
        "fitted",
    ),
    "rows so far from zero that rounding is all": (
        Case(
            "GaussianMixture",
            {"on_collapse": "reseed", "reg_covar": 1.0},
            "line",
            4,
            8,
            offset=-1e300,
        ),
        "refused",
    ),
    "the log-likelihood of many far rows overflows": (
        Case("GaussianMixture", {"covariance_type": "tied"}, "blobs", 69, 4, query=153),
        "fitted",
    ),
    "precisions overflow": (
        Case(
            "GaussianMixture",
            {"reg_covar": 0.0, "covariance_type": "tied"},
            "normal",
            60,
            2,
            scale=-160,
        ),
        "fitted",
    ),
    "the logarithm of the Beta function of huge numbers": (
        Case(
            "BayesianGaussianMixture",
            {"weight_concentration_prior": 1e100},
            "normal",
            2,
            1,
            weight="huge",
        ),
        "fitted",
    ),
    "rows of huge weight are far from where they start": (
        Case(
            "BayesianGaussianMixture",
            {"init_params": "k-means++", "reg_covar": 0.0},
            "normal",
            2,
            1,
            weight="huge",
            seed=1,
        ),
        "fitted",
    ),
    "the whitening of subnormal variances": (
        Case("GaussianMixture", {"init_params": "kmeans-whitened"}, "line", 17, 40, scale=-161),
        "fitted",
    ),
    "a precision overflows and the scatter is zero": (
        Case(
            "BayesianGaussianMixture",
            {"n_components": 2, "reg_covar": 1e-300, "degrees_of_freedom_prior": 1e4},
            "equal",
            25,
            17,
            0,
            1e153,
            "int64",
        ),
        "fitted",
    ),
    "the mean of float32 rows is more than their sum can be": (
        Case("BisectingKMeans", {"n_clusters": 1}, "few", 15, 3, 0, 3e38, "float32"),
        "fitted",
    ),
}


@pytest.mark.compiled  # NumPy warns where compiled kernels do not
@pytest.mark.parametrize(("case", "expected"), FOUND.values(), ids=FOUND)
def test_inputs_that_once_failed_end_as_they_should(case, expected):
    assert check(case) == expected


@pytest.mark.parametrize("scale", [1e-160, 1e-300])
def test_bisecting_ends_at_the_first_pass_where_every_shift_is_within_tol(scale, blobs):
    estimator = model("BisectingKMeans").fit(blobs(n=60).X * scale)
    assert [record.n_iter for record in estimator.init_results_] == [1, 1]
    assert_array_equal(np.unique(estimator.labels_), [0, 1, 2])


@pytest.mark.parametrize("prior", ["weight_concentration", "mean_precision", "degrees_of_freedom"])
def test_a_prior_beyond_float32_is_refused_by_name(prior, unchanged):
    estimator = model("BayesianGaussianMixture", **{f"{prior}_prior": 1e40})
    with (
        unchanged(estimator),
        pytest.raises(ValueError, match=rf"{prior}_prior=1e\+40.*float32 rows"),
    ):
        estimator.fit(NORMAL.astype("f4"))
    check_finite(estimator.set_params(max_iter=200).fit(NORMAL))


@pytest.mark.compiled
@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
def test_hostile_rows_end_in_a_finite_model_or_a_reason(name, data):
    """`nox -s fuzz` tries more of them, and others in every run."""
    assert check(data.draw(cases(name, most_rows=80))) in ("fitted", "refused")
