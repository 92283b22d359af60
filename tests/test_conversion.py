"""To scikit-learn's estimators and back: same parameters, same attributes, same answers."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, csr_matrix
from sklearn.cluster import BisectingKMeans as SklearnBisecting
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.cluster import MiniBatchKMeans as SklearnMiniBatch
from sklearn.exceptions import NotFittedError
from sklearn.mixture import BayesianGaussianMixture as SklearnBayesian
from sklearn.mixture import GaussianMixture as SklearnMixture
from sklearn.utils.validation import check_is_fitted

from fastmix import (
    BayesianGaussianMixture,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    MiniBatchKMeans,
)
from fastmix.engine.concentrations import WEIGHT_PRIORS

SKLEARN_TYPES = ("full", "tied", "diag", "spherical")
FLOAT32 = {"float64": 1e-9, "float32": 1e-4}  # distances of about 10 in single precision
K_MEANS = {
    KMeans: SklearnKMeans,
    MiniBatchKMeans: SklearnMiniBatch,
    BisectingKMeans: SklearnBisecting,
}
MIXTURES = {GaussianMixture: SklearnMixture, BayesianGaussianMixture: SklearnBayesian}
COUNTERPARTS = K_MEANS | MIXTURES
MODELS = [(cls, {}) for cls in K_MEANS] + [
    (cls, {"covariance_type": name}) for cls in MIXTURES for name in SKLEARN_TYPES
]
LOST = {
    "fit_report_",
    "init_results_",
    "inertia_history_",
    "cluster_sizes_",
}  # scikit-learn has not got them


@pytest.fixture(params=MODELS, ids=lambda model: "-".join([model[0].__name__, *model[1].values()]))
def make(request):
    """Maker of every estimator that converts, with k clusters and options."""
    cls, always = request.param
    size = "n_components" if cls in MIXTURES else "n_clusters"

    def maker(k=3, **options):
        return cls(**{size: k, "random_state": 0} | always | options)

    return maker


@pytest.fixture(params=K_MEANS, ids=lambda cls: cls.__name__)
def k_means(request):
    return request.param


@pytest.fixture
def X(blobs, dtype):
    return blobs(n=90, d=3, gap=3.0, dtype=dtype).X


def counterpart(model):
    return COUNTERPARTS[type(model)]


def agree(one, other, X, rtol):
    """Do the two models answer alike?"""
    assert_array_equal(one.predict(X), other.predict(X))
    assert one.score(X) == pytest.approx(other.score(X), rel=rtol)
    for method in ("transform", "predict_proba", "score_samples"):
        if hasattr(one, method):
            assert_allclose(
                getattr(one, method)(X), getattr(other, method)(X), rtol=rtol, atol=rtol
            )


def test_the_estimator_of_scikit_learn_answers_alike(
    make, X, dtype, unchanged, fitted, assert_same_bits
):
    mine = make(n_threads=2).fit(X)
    with unchanged(mine):
        his = mine.to_sklearn()
    assert type(his) is counterpart(mine)
    check_is_fitted(his)
    agree(his, mine, X, FLOAT32[dtype.name])
    kept = {name: value for name, value in fitted(mine).items() if name not in LOST}
    assert_same_bits(fitted(his), kept)
    assert his.n_features_in_ == 3
    assert "n_threads" not in his.get_params()
    agree(pickle.loads(pickle.dumps(his)), mine, X, FLOAT32[dtype.name])


def test_the_way_back_leads_to_the_same_fit(make, X, fitted, assert_same_bits):
    mine = make().fit(X)
    again = type(mine).from_sklearn(mine.to_sklearn())
    lost = LOST - {"cluster_sizes_"}
    was = {name: value for name, value in fitted(mine).items() if name not in lost}
    now = {name: value for name, value in fitted(again).items() if name not in lost}
    assert_same_bits(now, was)
    assert again.init_results_ == []
    assert fitted(again).keys() == fitted(mine).keys() - {"fit_report_"}
    agree(again, mine, X, 1e-6)
    if type(mine) in K_MEANS:
        assert len(again.inertia_history_) == 0
        assert_array_equal(again.get_feature_names_out(), mine.get_feature_names_out())
        prefix = type(mine).__name__.lower()
        names = [f"{prefix}{c}" for c in range(3)]
        assert_array_equal(mine.to_sklearn().get_feature_names_out(), names)


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


@pytest.fixture(params=MIXTURES, ids=lambda cls: cls.__name__)
def mixture(request, covariance_type):
    """Maker of both mixtures, of the types that scikit-learn has."""
    if covariance_type not in SKLEARN_TYPES:
        pytest.skip("scikit-learn has no such type")

    def maker(**options):
        return request.param(n_components=3, covariance_type=covariance_type, **options)

    return maker


def test_a_warm_start_goes_on_from_a_model_of_scikit_learn(mixture, blobs):
    X = blobs(n=90, gap=2.0).X
    mine = mixture(tol=1e-3, random_state=0, warm_start=True, max_iter=500)
    his = counterpart(mine)(
        **{name: getattr(mine, name) for name in counterpart(mine)().get_params()}
    )
    mine = type(mine).from_sklearn(his.fit(X))
    assert type(mine.lower_bound_) is float
    assert {type(bound) for bound in mine.lower_bounds_} <= {float}
    assert mine.fit(X).n_iter_ <= 2
    assert mine.to_sklearn().fit(X).n_iter_ <= 2


def test_a_sample_of_the_converted_mixture_is_the_same(mixture, blobs):
    mine = mixture(random_state=4).fit(blobs().X)
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


@pytest.mark.parametrize("kind", WEIGHT_PRIORS)
def test_both_priors_of_the_weights_convert(blobs, kind, covariance_type):
    if covariance_type not in SKLEARN_TYPES:
        pytest.skip("scikit-learn has no such type")
    X = blobs(n=90, gap=2.0).X
    options = {"covariance_type": covariance_type, "weight_concentration_prior_type": kind}
    options |= {"n_components": 4, "tol": 1e-2, "random_state": 0}
    mine, his = BayesianGaussianMixture(**options).fit(X), SklearnBayesian(**options).fit(X)
    agree(mine.to_sklearn(), mine, X, 1e-9)
    agree(BayesianGaussianMixture.from_sklearn(his), his, X, 1e-9)
    assert type(mine.to_sklearn().weight_concentration_) is type(his.weight_concentration_)


# --- k-means ---------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [0.0, 50.0])
def test_models_of_sparse_rows_convert(k_means, blobs, dtype, origin):
    dense = blobs(n=90, d=3, gap=3.0, dtype=dtype).X
    dense[np.abs(dense) < 1] = 0
    X = csr_array(np.where(dense, dense + dtype.type(origin), 0).astype(dtype))
    rtol = FLOAT32[dtype.name] * (30 if origin else 1)  # scikit-learn does not centre rows
    mine = k_means(3, random_state=0).fit(X)
    his = K_MEANS[k_means](3, random_state=0).fit(X)
    for rows in (X, X.toarray()):
        agree(mine.to_sklearn(), mine, rows, rtol)
        agree(k_means.from_sklearn(his), his, rows, rtol)
        agree(k_means.from_sklearn(mine.to_sklearn()), mine, rows, rtol)


def test_models_of_dense_rows_take_sparse_ones(k_means, X, dtype):
    mine = k_means(3, random_state=0).fit(X)
    agree(mine.to_sklearn(), mine, csr_array(X), FLOAT32[dtype.name])
    again = k_means.from_sklearn(mine.to_sklearn())
    agree(again, mine, csr_array(X), FLOAT32[dtype.name])


@pytest.mark.parametrize("strategy", ["biggest_inertia", "largest_cluster"])
@pytest.mark.parametrize("k", [1, 2, 9])
def test_a_tree_is_walked_alike(rng, k, strategy):
    X = rng.normal(size=(200, 2)) * [3, 1] + [50.0, -20.0]
    new = rng.normal(size=(500, 2)) * [6, 2] + [50.0, -20.0]
    options = {"n_clusters": k, "bisecting_strategy": strategy, "random_state": 0}
    mine, his = BisectingKMeans(**options).fit(X), SklearnBisecting(**options).fit(X)
    if k == 9:
        nearest = mine.transform(new).argmin(axis=1)
        assert (mine.predict(new) != nearest).any(), "a walk must differ or the test shows nothing"
    converted = BisectingKMeans.from_sklearn(his)
    for rows in (X, new):
        agree(mine.to_sklearn(), mine, rows, 1e-9)
        agree(converted, his, rows, 1e-9)
        agree(BisectingKMeans.from_sklearn(mine.to_sklearn()), mine, rows, 1e-12)
    assert_array_equal(converted.cluster_sizes_, np.bincount(his.labels_))


def test_a_tree_of_one_sparse_node_converts(rng):
    X = csr_matrix(rng.poisson(1.0, size=(30, 2)).astype(np.float32))
    his = SklearnBisecting(1).fit(X)
    agree(BisectingKMeans.from_sklearn(his), his, X, 1e-5)
    agree(BisectingKMeans(1).fit(X).to_sklearn(), his, X, 1e-5)


def batches(rng, dtype="float64"):
    """Portions of rows, and one of many equal ones, which starves the other centers."""
    X = rng.normal(size=(8, 30, 2)) + rng.randint(0, 4, size=(8, 30, 1)) * 5.0
    X[3] = 0.5
    return X.astype(dtype)


@pytest.mark.parametrize("begun", ["fit", "partial_fit"])
def test_portions_go_on_after_a_conversion(rng, begun, dtype):
    X = batches(rng, dtype)
    options = {"n_clusters": 4, "batch_size": 10, "reassignment_ratio": 0.3, "random_state": 3}
    mine, his = MiniBatchKMeans(**options), SklearnMiniBatch(**options)
    for model in (mine, his):
        for batch in X[:2]:
            getattr(model, begun)(batch)
    to_his, to_mine = mine.to_sklearn(), MiniBatchKMeans.from_sklearn(his)
    there_and_back = MiniBatchKMeans.from_sklearn(to_his)
    rtol = FLOAT32[dtype.name]
    for batch in X[2:]:
        weight = rng.uniform(0.5, 2, len(batch))
        for model in (mine, his, to_his, to_mine, there_and_back):
            model.partial_fit(batch, sample_weight=weight)
        for model, like in ((to_his, mine), (there_and_back, mine), (to_mine, his)):
            assert_allclose(model.cluster_centers_, like.cluster_centers_, rtol=rtol, atol=rtol)
            assert_array_equal(model.labels_, like.labels_)
            assert model.inertia_ == pytest.approx(like.inertia_, rel=rtol, abs=rtol)
            assert model.n_steps_ == like.n_steps_


def test_a_fit_without_labels_converts(rng):
    X = rng.normal(size=(300, 2))
    mine = MiniBatchKMeans(3, compute_labels=False, random_state=0).fit(X)
    his = mine.to_sklearn()
    agree(MiniBatchKMeans.from_sklearn(his), his, X, 1e-9)
    assert not hasattr(his, "labels_")


# --- what is not shared ----------------------------------------------------------------------


def test_values_that_scikit_learn_does_not_know_are_its_default(blobs):
    X = blobs().X
    assert KMeans(3, algorithm="auto").fit(X).to_sklearn().algorithm == "lloyd"
    assert KMeans(3, algorithm="elkan").fit(X).to_sklearn().algorithm == "elkan"
    assert BisectingKMeans(3, algorithm="auto").fit(X).to_sklearn().algorithm == "lloyd"
    fast = GaussianMixture(2, accelerate="squarem", tol=1e-4, random_state=0).fit(X)
    assert fast.to_sklearn().tol == 1e-4
    for cls in MIXTURES:
        mine = cls(n_components=2, init_params=np.arange(len(X)) % 2, tol=1e-1).fit(X)
        assert mine.to_sklearn().init_params == "kmeans"


def test_nothing_is_shared_between_the_two(make, blobs):
    X = blobs().X
    random = np.random.RandomState(0)
    mine = make(random_state=random).fit(X)
    his = mine.to_sklearn()
    back = type(mine).from_sklearn(his)
    assert his.random_state is not random
    name = "cluster_centers_" if type(mine) in K_MEANS else "means_"
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
    cls = type(mine)
    X = blobs().X
    other = SklearnMiniBatch(2, n_init=1).fit(X)
    if cls is MiniBatchKMeans:
        other = SklearnKMeans(2, n_init=1).fit(X)
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


def test_a_type_changed_after_the_fit_is_not_converted(blobs):
    model = GaussianMixture(3, random_state=0).fit(blobs(n=90, d=3).X)
    model.set_params(covariance_type="tied")
    for broken in (model.to_sklearn, lambda: model.n_parameters_):
        with pytest.raises(ValueError, match=r"covariance_type 'full'\. Set it back"):
            broken()
