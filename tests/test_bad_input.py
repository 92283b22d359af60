"""What is refused: the right exception, a message that names the culprit, and nothing changed by it."""

import re
from functools import partial

import numpy as np
import pytest
import sklearn.cluster
import sklearn.mixture
from scipy import sparse
from sklearn.exceptions import NotFittedError

import fastmix
from fastmix import (
    BayesianGaussianMixture,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    MiniBatchGaussianMixture,
    MiniBatchKMeans,
)

ESTIMATORS = [KMeans, MiniBatchKMeans, BisectingKMeans, GaussianMixture, BayesianGaussianMixture]
ESTIMATORS += [MiniBatchGaussianMixture]
both = pytest.mark.parametrize("Estimator", ESTIMATORS, ids=lambda cls: cls.__name__)


def three(Estimator):
    """An estimator of three clusters or components."""
    name = "n_clusters" if hasattr(Estimator, "transform") else "n_components"
    return Estimator(random_state=0, **{name: 3})


def with_one(value):
    X = np.random.RandomState(0).normal(size=(12, 2))
    X[3, 1] = value
    return X


# --- rows ------------------------------------------------------------------------------------

BAD_ROWS = {
    "NaN": (with_one(np.nan), ValueError, "Input X contains NaN"),
    "inf": (with_one(np.inf), ValueError, "Input X contains infinity"),
    "minus inf": (with_one(-np.inf), ValueError, "Input X contains infinity"),
    "float32 NaN": (with_one(np.nan).astype("f4"), ValueError, "Input X contains NaN"),
    "strings": ([["a", "b"]] * 12, ValueError, "string"),
    "complex": (with_one(0) * 1j, ValueError, "Complex data not supported"),
    "1-D": (np.arange(12.0), ValueError, "Expected 2D array, got 1D array instead"),
    "3-D": (np.ones((12, 2, 2)), ValueError, "Found array with dim 3"),
    "scalar": (5.0, ValueError, "Expected 2D array, got scalar array instead"),
    "None": (None, ValueError, ""),
    "no rows": (np.ones((0, 2)), ValueError, "Found array with 0 sample(s)"),
    "no columns": (np.ones((12, 0)), ValueError, "Found array with 0 feature(s)"),
    "csr NaN": (sparse.csr_array(with_one(np.nan)), (TypeError, ValueError), ""),
    "csc inf": (sparse.csc_matrix(with_one(np.inf)), (TypeError, ValueError), ""),
    "object": (np.array([[object()] * 2] * 12), TypeError, ""),
}
rows = pytest.mark.parametrize(("X", "error", "message"), BAD_ROWS.values(), ids=BAD_ROWS)


@both
@rows
def test_bad_rows_are_refused_by_fit(Estimator, X, error, message, blobs, unchanged):
    fitted, fresh = three(Estimator).fit(blobs(n=12).X), three(Estimator)
    for estimator in (fitted, fresh):
        for name in ("fit", "fit_predict"):
            with unchanged(estimator), pytest.raises(error) as caught:
                getattr(estimator, name)(X)
            assert message in str(caught.value)
    with pytest.raises(NotFittedError):
        fresh.predict(blobs(n=12).X)


@both
@rows
def test_bad_rows_are_refused_after_the_fit(Estimator, X, error, message, blobs, unchanged):
    estimator = three(Estimator).fit(blobs(n=12).X)
    names = ["predict", "score", "transform", "predict_proba", "score_samples", "bic"]
    for name in filter(partial(hasattr, Estimator), names):
        with unchanged(estimator), pytest.raises(error) as caught:
            getattr(estimator, name)(X)
        assert message in str(caught.value), name


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix])
def test_mixtures_refuse_sparse_rows(kind, blobs, unchanged):
    estimator = GaussianMixture(3, random_state=0).fit(blobs(n=12).X)
    for name in ("fit", "fit_predict", "predict", "score"):
        with unchanged(estimator), pytest.raises(TypeError, match="dense data is required"):
            getattr(estimator, name)(kind(with_one(0)))


@both
@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_is_refused(Estimator, unchanged):
    estimator = three(Estimator)
    with unchanged(estimator), pytest.raises(TypeError, match=r"np\.matrix is not supported"):
        estimator.fit(np.asmatrix(with_one(0)))


@both
def test_the_caller_keeps_its_bad_rows(Estimator, unchanged):
    estimator, X = three(Estimator), with_one(np.nan)
    with unchanged(estimator, X), pytest.raises(ValueError, match="NaN"):
        estimator.fit(X)


@both
@pytest.mark.parametrize("width", [1, 3])
def test_another_number_of_features_is_refused(Estimator, width, blobs, unchanged):
    estimator = three(Estimator).fit(blobs(n=12).X)
    message = f"X has {width} features, but {Estimator.__name__} is expecting 2 features as input"
    with unchanged(estimator), pytest.raises(ValueError, match=message):
        estimator.predict(np.ones((4, width)))


@both
def test_columns_of_other_names_are_refused(Estimator, blobs, unchanged):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(blobs(n=12).X, columns=["a", "b"])
    estimator = three(Estimator).fit(frame)
    message = "The feature names should match those that were passed during fit"
    for columns in (["a", "c"], ["b", "a"]):
        with unchanged(estimator), pytest.raises(ValueError, match=message):
            estimator.predict(frame.set_axis(columns, axis=1))
    with pytest.warns(UserWarning, match="X does not have valid feature names, but"):
        estimator.predict(frame.to_numpy())
    nameless = three(Estimator).fit(frame.to_numpy())
    with pytest.warns(UserWarning, match="X has feature names, but"):
        nameless.predict(frame)


@both
def test_missing_values_of_pandas_are_refused(Estimator):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2, 3, 4], "b": pandas.array([1, None, 3, 4], "Int64")})
    with pytest.raises(ValueError, match="Input X contains NaN"):
        three(Estimator).fit(frame)


# --- starts ----------------------------------------------------------------------------------

BAD_STARTS = {
    "one center": (np.ones(2), ValueError, "init must be .*Expected 2D array"),
    "no answer": (lambda X, k, random_state: None, ValueError, "init must be .*scalar array"),
    "no random_state": (lambda X, k: X[:k], TypeError, r"init\(X, n_clusters, random_state="),
    "letters": ([["a", "b"]] * 3, ValueError, "init must be .*could not convert"),
    "far": (np.full((3, 2), 1e200), ValueError, "init has centers so far"),
    "NaN": (np.full((3, 2), np.nan), ValueError, "Input init contains NaN"),
}


@pytest.mark.parametrize(("init", "error", "message"), BAD_STARTS.values(), ids=BAD_STARTS)
@pytest.mark.parametrize("Estimator", [KMeans, MiniBatchKMeans], ids=lambda cls: cls.__name__)
def test_bad_starts_are_refused_by_name(Estimator, init, error, message, blobs, unchanged):
    estimator = Estimator(3, init=init, n_init=1)
    with unchanged(estimator), pytest.raises(error, match=message):
        estimator.fit(blobs(n=12).X)


@both
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("balanced", "sample_weight must be numbers, one for each of the 12 rows"),
        (-np.arange(12), "-1.0 for row 1"),
    ],
)
def test_bad_weights_are_refused_by_name(Estimator, weight, message, blobs, unchanged):
    estimator = three(Estimator)
    with unchanged(estimator), pytest.raises(ValueError, match=message):
        estimator.fit(blobs(n=12).X, sample_weight=weight)


# --- too few rows ----------------------------------------------------------------------------


def test_fewer_rows_than_clusters_are_refused(unchanged):
    km, X = KMeans(), np.ones((3, 2))
    message = "n_samples=3 should be >= n_clusters=8."
    with unchanged(km, X), pytest.raises(ValueError, match=re.escape(message)):
        km.fit(X)


def test_fewer_rows_than_components_are_refused(unchanged):
    gm, X = GaussianMixture(5), np.ones((4, 2))
    message = "Expected n_samples >= n_components but got n_components = 5, n_samples = 4"
    with unchanged(gm, X), pytest.raises(ValueError, match=message):
        gm.fit(X)


def test_one_row_is_a_cluster_but_no_mixture(unchanged):
    row = np.array([[3.0, 4.0]])
    km = KMeans(1).fit(row)
    assert km.inertia_ == 0.0
    assert km.cluster_centers_.tolist() == [[3.0, 4.0]]
    gm = GaussianMixture(1)
    message = re.escape(
        "Found array with 1 sample(s) (shape=(1, 2)) while a minimum of 2 is required"
    )
    with unchanged(gm, row), pytest.raises(ValueError, match=message):
        gm.fit(row)


@both
def test_one_row_is_enough_to_predict(Estimator, blobs):
    estimator = three(Estimator).fit(blobs(n=12).X)
    assert estimator.predict([[0.0, 0.0]]).shape == (1,)


# --- starts ----------------------------------------------------------------------------------

BAD_STARTS = {
    "clusters": (
        np.ones((2, 3)),
        "The shape of the initial centers (2, 3) does not match the number of clusters 3.",
    ),
    "features": (
        np.ones((3, 2)),
        "The shape of the initial centers (3, 2) does not match the number of features of the data 3.",
    ),
    "NaN": (np.full((3, 3), np.nan), "contains NaN"),
    "inf": (np.full((3, 3), np.inf), "contains infinity"),
}


@pytest.mark.parametrize("as_callable", [False, True], ids=["array", "callable"])
@pytest.mark.parametrize(("start", "message"), BAD_STARTS.values(), ids=BAD_STARTS)
def test_bad_starts_are_refused(blobs, start, message, as_callable, unchanged):
    X = blobs(n=30, d=3).X

    def init(rows, k, random_state):
        return start

    km = KMeans(3, random_state=0).fit(X).set_params(init=init if as_callable else start)
    with unchanged(km, X, start), pytest.raises(ValueError, match=re.escape(message)):
        km.fit(X)


def test_an_error_inside_a_callable_start_changes_nothing(blobs, unchanged):
    X = blobs(n=30).X

    def init(rows, k, random_state):
        raise ZeroDivisionError("no start")

    km = KMeans(3, random_state=0).fit(X).set_params(init=init)
    with unchanged(km, X), pytest.raises(ZeroDivisionError, match="no start"):
        km.fit(X)


# --- the fit after a failed fit --------------------------------------------------------------


@both
def test_a_failed_fit_leaves_a_working_estimator(Estimator, blobs, assert_same_fit):
    X = blobs(n=60).X
    expected = three(Estimator).fit(X)
    estimator = three(Estimator).fit(X)
    with pytest.raises(ValueError, match="NaN"):
        estimator.fit(with_one(np.nan))
    assert_same_fit(estimator, expected)
    assert_same_fit(estimator.fit(X), expected)


@pytest.mark.parametrize("name", ["KMeans", "GaussianMixture"])
def test_the_first_of_several_errors_is_scikit_learns(name):
    ours = getattr(fastmix, name)
    theirs = getattr(sklearn.cluster if name == "KMeans" else sklearn.mixture, name)
    X = np.random.RandomState(0).normal(size=(20, 3))
    wrong = np.array([[np.nan, 1.0]])
    for estimator in (ours, theirs):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            estimator(2).fit(X).predict(wrong)
        with pytest.raises(ValueError, match="Input X contains NaN"):
            estimator(2).fit(wrong)


def test_whoever_assumes_finite_rows_is_not_asked():
    model = fastmix.KMeans(1, random_state=0).fit(np.ones((3, 2)))
    with sklearn.config_context(assume_finite=True):
        assert model.predict([[np.nan, 1.0]]).shape == (1,)
