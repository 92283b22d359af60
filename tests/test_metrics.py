"""Silhouettes as a user asks for them: scikit-learn's answers and refusals."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn import metrics as theirs

from fastmix import KMeans
from fastmix.metrics import silhouette_samples, silhouette_score

LABELS = {
    "numbers": lambda labels: labels,
    "gaps": lambda labels: 10 * labels - 7,
    "names": lambda labels: np.array(["a", "b", "c"])[labels],
    "column": lambda labels: labels.astype(float),
    "list": lambda labels: labels.tolist(),
}


@pytest.fixture
def partition(blobs):
    X, truth, _ = blobs(n=200, d=4, gap=2.0)
    return X, truth


def test_samples_are_those_of_scikit_learn(partition, dtype):
    X, labels = partition
    X = X.astype(dtype)
    got = silhouette_samples(X, labels)
    assert got.dtype == dtype
    # scikit-learn's float32 rows are compared after a conversion to float64
    expected = theirs.silhouette_samples(X.astype(np.float64), labels)
    assert_allclose(got, expected, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("how", LABELS)
def test_labels_may_be_anything_that_has_an_order(partition, how):
    X, labels = partition
    given = LABELS[how](labels)
    assert_allclose(silhouette_samples(X, given), theirs.silhouette_samples(X, given), atol=1e-13)


def test_singletons_have_0_as_in_scikit_learn():
    X, labels = [[0.0], [1.0], [5.0], [6.0], [20.0]], [0, 0, 1, 1, 2]
    got = silhouette_samples(X, labels)
    assert got[4] == 0
    assert_allclose(got, theirs.silhouette_samples(X, labels))


@pytest.mark.parametrize("options", [{}, {"sample_size": 60, "random_state": 3}])
def test_score_is_that_of_scikit_learn(partition, options):
    X, labels = partition
    expected = theirs.silhouette_score(X, labels, **options)
    got = silhouette_score(X, labels, **options)
    assert type(got) is float
    assert got == pytest.approx(expected, abs=1e-13)


def test_the_simplified_silhouette_measures_distances_to_means(partition):
    X, _ = partition
    model = KMeans(3, random_state=0, tol=0).fit(X)
    near, far = np.sort(model.transform(X), axis=1)[:, :2].T
    got = silhouette_samples(X, model.labels_, kind="simplified")
    assert_allclose(got, 1 - near / far, atol=1e-12)
    assert silhouette_score(X, model.labels_, kind="simplified") == pytest.approx(got.mean())


def test_rows_are_not_changed_and_may_be_read_only(partition, unchanged):
    X, labels = partition
    X = np.asfortranarray(X)
    X.flags.writeable = False
    with unchanged(X, labels):
        silhouette_samples(X, labels)


@pytest.mark.parametrize("labels", [np.zeros(6), np.arange(6)])
def test_between_2_and_n_less_1_labels(labels):
    X = np.arange(6.0)[:, None]
    for function in (silhouette_samples, theirs.silhouette_samples):
        with pytest.raises(ValueError, match=r"Valid values are 2 to n_samples - 1 \(inclusive\)"):
            function(X, labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "labels must be one-dimensional, one for each of the 4 rows: .*inconsistent"),
        ([[0, 1], [0, 1]], "labels must be one-dimensional, one for each of the 4 rows"),
        ([0, 1, np.nan, 1], "labels contains NaN"),
        ([0, "a", None, 1], "labels must be one-dimensional"),
    ],
)
def test_other_labels_are_refused(labels, message):
    with pytest.raises((TypeError, ValueError), match=message):
        silhouette_samples(np.arange(8.0).reshape(4, 2), labels)


@pytest.mark.parametrize(
    "options", [{"kind": "fast"}, {"n_threads": 0}, {"sample_size": 0}, {"random_state": "x"}]
)
def test_other_parameters_are_refused(partition, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"The '{name}' parameter of silhouette_score must be"):
        silhouette_score(*partition, **options)


def test_rows_must_be_finite_and_dense(partition):
    X, labels = partition
    with pytest.raises(TypeError, match=r"X must be dense.*X\.toarray\(\)"):
        silhouette_samples(sparse.csr_array(X), labels)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        silhouette_samples(np.where(X > 2, np.nan, X), labels)


def test_a_sample_that_lacks_clusters_is_refused(partition):
    with pytest.raises(ValueError, match="Number of labels is 1"):
        silhouette_score(*partition, sample_size=1, random_state=0)


def test_parameters_of_scikit_learn_that_are_left_have_its_names():
    for mine in (silhouette_samples, silhouette_score):
        known = inspect.signature(getattr(theirs, mine.__name__)).parameters
        added = set(inspect.signature(mine).parameters) - set(known)
        assert added == {"kind", "n_threads"}


@pytest.mark.compiled
def test_of_many_rows_any_is_that_of_the_definition(rng):
    X, labels, some = rng.normal(size=(20_000, 1)), rng.randint(2, size=20_000), slice(0, 50)
    own, counts, distances = labels[some], np.bincount(labels), np.abs(X[some] - X.T)
    sums = np.array([distances[:, labels == c].sum(1) for c in (0, 1)])
    a = sums[own, range(50)] / (counts[own] - 1)
    b = sums[1 - own, range(50)] / counts[1 - own]
    expected = (b - a) / np.maximum(a, b)
    assert_allclose(silhouette_samples(X, labels)[some], expected, atol=1e-12)
