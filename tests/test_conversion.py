"""To scikit-learn's estimators and back: same parameters, same attributes, same answers."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.cluster import MiniBatchKMeans as SklearnMiniBatch
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture as SklearnMixture
from sklearn.utils.validation import check_is_fitted

from fastmix import BayesianGaussianMixture, GaussianMixture, KMeans

SKLEARN_TYPES = ("full", "tied", "diag", "spherical")
FLOAT32 = {"float64": 1e-9, "float32": 1e-4}  # distances of about 10 in single precision


@pytest.fixture
def make(make):
    """The same, of the types that scikit-learn has."""
    if getattr(make(), "covariance_type", "full") not in SKLEARN_TYPES:
        pytest.skip("scikit-learn has no such type")
    return make


@pytest.fixture
def X(blobs, dtype):
    return blobs(n=90, d=3, gap=3.0, dtype=dtype).X


def counterpart(model):
    return SklearnKMeans if isinstance(model, KMeans) else SklearnMixture


def agree(one, other, X, rtol):
    """Do the two models answer alike?"""
    assert_array_equal(one.predict(X), other.predict(X))
    assert one.score(X) == pytest.approx(other.score(X), rel=rtol)
    for method in ("transform", "predict_proba", "score_samples"):
        if hasattr(one, method):
            assert_allclose(
                getattr(one, method)(X), getattr(other, method)(X), rtol=rtol, atol=rtol
            )


def test_the_estimator_of_scikit_learn_answers_alike(make, X, dtype, unchanged):
    mine = make(n_threads=2).fit(X)
    with unchanged(mine):
        his = mine.to_sklearn()
    assert type(his) is counterpart(mine)
    check_is_fitted(his)
    agree(his, mine, X, FLOAT32[dtype.name])
    assert his.n_iter_ == mine.n_iter_
    assert his.n_features_in_ == 3
    assert not hasattr(his, "init_results_")
    assert not hasattr(his, "inertia_history_")
    assert "n_threads" not in his.get_params()
    agree(pickle.loads(pickle.dumps(his)), mine, X, FLOAT32[dtype.name])


def test_the_way_back_leads_to_the_same_fit(make, X, fitted, assert_same_bits):
    mine = make().fit(X)
    again = type(mine).from_sklearn(mine.to_sklearn())
    lost = {"init_results_", "inertia_history_"}
    was = {name: value for name, value in fitted(mine).items() if name not in lost}
    now = {name: value for name, value in fitted(again).items() if name not in lost}
    assert_same_bits(now, was)
    assert again.init_results_ == []
    assert fitted(again).keys() == fitted(mine).keys()
    agree(again, mine, X, 1e-6)
    if isinstance(mine, KMeans):
        assert len(again.inertia_history_) == 0
        assert_array_equal(again.get_feature_names_out(), mine.get_feature_names_out())
        assert_array_equal(
            mine.to_sklearn().get_feature_names_out(), ["kmeans0", "kmeans1", "kmeans2"]
        )


def test_a_model_of_scikit_learn_answers_alike(make, X, dtype, unchanged):
    cls = type(make())
    shared = make().get_params()
    options = {name: shared[name] for name in counterpart(make())().get_params()} | {"tol": 1e-2}
    options.pop("algorithm", None)
    his = counterpart(make())(**options).fit(X)
    with unchanged(his):
        mine = cls.from_sklearn(his)
    assert type(mine) is cls
    agree(mine, his, X, FLOAT32[dtype.name])
    for name, value in his.get_params().items():
        assert mine.get_params()[name] == value, name
    assert mine.n_threads is None


def test_both_are_estimators_that_can_be_fitted_again(make, blobs):
    X = blobs(n=90, gap=4.0).X
    his = make(max_iter=200).fit(X).to_sklearn()
    mine = type(make()).from_sklearn(his.fit(X))
    assert_array_equal(mine.fit(X).predict(X), his.predict(X))


@pytest.mark.usefixtures("in_sklearn")
def test_a_warm_start_goes_on_from_a_model_of_scikit_learn(blobs, covariance_type):
    X = blobs(n=90, gap=2.0).X
    options = {"covariance_type": covariance_type, "random_state": 0, "warm_start": True}
    his = SklearnMixture(3, tol=1e-3, **options).fit(X)
    mine = GaussianMixture.from_sklearn(his)
    assert mine.fit(X).n_iter_ <= 2
    assert mine.to_sklearn().fit(X).n_iter_ <= 2


@pytest.mark.usefixtures("in_sklearn")
def test_a_sample_of_the_converted_mixture_is_the_same(blobs, covariance_type):
    mine = GaussianMixture(3, covariance_type=covariance_type, random_state=4).fit(blobs().X)
    for one, other in zip(mine.sample(20), mine.to_sklearn().sample(20), strict=True):
        assert_allclose(one, other)


@pytest.mark.parametrize(
    ("shared", "free", "precision"),
    [("tied_diag", "diag", [1.0, 2.0, 3.0]), ("tied_spherical", "spherical", 2.0)],
)
@pytest.mark.parametrize("cls", [GaussianMixture, BayesianGaussianMixture])
def test_shared_variances_are_repeated_for_scikit_learn(cls, shared, free, precision, X, unchanged):
    likely = cls is GaussianMixture
    name = "precisions_init" if likely else "covariance_prior"
    mine = cls(n_components=3, covariance_type=shared, random_state=0, **{name: precision}).fit(X)
    with (
        unchanged(mine),
        pytest.warns(UserWarning, match=f"no covariance_type='{shared}'.*'{free}'"),
    ):
        his = mine.to_sklearn()
    assert his.covariance_type == free
    agree(his, mine, X, FLOAT32[X.dtype.name])
    assert_array_equal(his.sample(9)[0].shape, (9, 3))
    for kept in ("covariances_", "precisions_", "precisions_cholesky_"):
        assert getattr(his, kept).shape == (3, 3)[: 1 + np.size(precision) // 3]
        assert_array_equal(getattr(his, kept)[1], getattr(mine, kept))
    if likely:
        assert his.bic(X) > mine.bic(X)  # it counts what it could have varied
        assert_array_equal(his.precisions_init, np.array([precision] * 3))
    else:
        assert his.degrees_of_freedom_.shape == (3,)
    assert his.fit(X).covariances_.shape == mine.means_.shape[: his.covariances_.ndim]
    back = cls.from_sklearn(his)
    assert back.covariance_type == free


def test_values_that_scikit_learn_does_not_know_are_its_default(blobs):
    X = blobs().X
    assert KMeans(3, algorithm="auto").fit(X).to_sklearn().algorithm == "lloyd"
    assert KMeans(3, algorithm="elkan").fit(X).to_sklearn().algorithm == "elkan"
    fast = GaussianMixture(2, accelerate="squarem", tol=1e-4, random_state=0).fit(X)
    assert fast.to_sklearn().tol == 1e-4


def test_nothing_is_shared_between_the_two(make, blobs):
    X = blobs().X
    random = np.random.RandomState(0)
    mine = make(random_state=random).fit(X)
    his = mine.to_sklearn()
    back = type(mine).from_sklearn(his)
    assert his.random_state is not random
    name = "cluster_centers_" if isinstance(mine, KMeans) else "means_"
    assert not np.shares_memory(getattr(mine, name), getattr(his, name))
    assert not np.shares_memory(getattr(back, name), getattr(his, name))


def test_names_of_features_are_kept(make, rng):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(rng.normal(size=(50, 2)), columns=["height", "width"])
    mine = make(2, tol=1e-2).fit(X)
    his = mine.to_sklearn()
    assert_array_equal(his.feature_names_in_, ["height", "width"])
    agree(type(mine).from_sklearn(his), his, X, 1e-9)


def test_laid_down_parameters_convert(rng):
    gm = GaussianMixture.from_parameters([0.4, 0.6], [[0.0, 1.0], [2.0, 3.0]], [np.eye(2)] * 2)
    agree(gm, gm.to_sklearn(), rng.normal(size=(20, 2)), 1e-12)


def test_what_cannot_be_converted_says_why(make, blobs):
    mine = make()
    cls, other = type(mine), SklearnMiniBatch(2, n_init=1).fit(blobs().X)
    with pytest.raises(NotFittedError):
        mine.to_sklearn()
    with pytest.raises(NotFittedError):
        cls.from_sklearn(counterpart(mine)())
    message = f"{cls.__name__}.from_sklearn takes a fitted sklearn."
    for wrong in (other, mine, None):
        with pytest.raises(TypeError, match=re.escape(message)):
            cls.from_sklearn(wrong)


def test_estimators_of_scikit_learn_are_imported_by_a_conversion_only():
    code = "import sys, fastmix; print(*[m for m in sys.modules if m.startswith('sklearn.')])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "sklearn.base" in loaded
    assert "sklearn.cluster" not in loaded
    assert "sklearn.mixture" not in loaded
