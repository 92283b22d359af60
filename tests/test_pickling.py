"""Pickle, joblib and copies: the same bits, and a warning where another version has written them."""

import copy
import io
import pickle
import tracemalloc

import joblib
import numpy as np
import pytest
from sklearn.base import clone

import fastmix
from fastmix import (
    BayesianGaussianMixture,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    MiniBatchGaussianMixture,
    MiniBatchKMeans,
)
from fastmix.saving import LoadError, VersionWarning

CLASSES = (KMeans, MiniBatchKMeans, BisectingKMeans, GaussianMixture, BayesianGaussianMixture)
CLASSES += (MiniBatchGaussianMixture,)


@pytest.fixture(params=CLASSES, ids=lambda cls: cls.__name__)
def model(request, blobs):
    """A fitted estimator of every class."""
    size = "n_components" if "Mixture" in request.param.__name__ else "n_clusters"
    model = request.param(**{size: 3}, random_state=0).fit(blobs(n=60, gap=5.0).X)
    return model.partial_fit(blobs(n=60).X) if hasattr(model, "partial_fit") else model


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


COPIES = {f"protocol {p}": p for p in range(pickle.HIGHEST_PROTOCOL + 1)}
COPIES = {
    **{name: lambda model, p=p: pickle.loads(pickle.dumps(model, p)) for name, p in COPIES.items()},
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_has_the_same_bits(model, way, blobs, unchanged, assert_same_bits):
    X = blobs(n=60, gap=5.0).X
    with unchanged(model):
        again = COPIES[way](model)
    assert_same_bits(vars(again), vars(model))
    assert_same_bits(again.predict(X), model.predict(X))
    fresh = COPIES[way](clone(model))
    assert vars(fresh) == clone(model).get_params()


def test_callables_and_streams_are_pickled_as_they_are():
    model = KMeans(init=by_joblib, random_state=np.random.RandomState(3))
    again = pickle.loads(pickle.dumps(model))
    assert again.init is by_joblib
    assert again.random_state.randint(99) == model.random_state.randint(99)


def pickled(model, version):
    """A pickle as another version of fastmix writes it."""
    state = {**vars(model)}
    if version is not None:
        state["_fastmix_version"] = version

    class Other:
        def __reduce__(self):
            return copy.copy, (type(model)(),), state

    return pickle.dumps(Other())


@pytest.mark.parametrize("version", ["0.0.9", "9.0", None])
def test_a_pickle_of_another_version_warns_and_names_both(model, version, assert_same_bits):
    named = version or "before 0.1.0"
    message = rf"{type(model).__name__} made by fastmix {named} .* by fastmix {fastmix.__version__}"
    with pytest.warns(VersionWarning, match=message) as caught:
        again = pickle.loads(pickled(model, version))
    assert len(caught) == 1
    assert_same_bits(vars(again), vars(model))
    assert pickle.loads(pickle.dumps(again)).get_params().keys() == model.get_params().keys()


def test_a_parameter_that_another_version_did_not_know_has_its_default(model):
    del model.n_threads
    with pytest.warns(VersionWarning):
        again = pickle.loads(pickled(model, "0.0.9"))
    assert again.n_threads is None


def shapes(model):
    name = "cluster_centers_" if hasattr(model, "cluster_centers_") else "means_"
    setattr(model, name, getattr(model, name)[:, :1])


def lacks(model):
    name = "cluster_centers_" if hasattr(model, "cluster_centers_") else "weights_"
    delattr(model, name)


def option(model):
    model.random_state = "today"


@pytest.mark.parametrize("spoil", [shapes, lacks, option])
def test_a_pickle_of_another_version_that_does_not_fit_is_refused(model, spoil):
    spoil(model)
    message = rf"{type(model).__name__} made by fastmix 9\.0 is not understood by fastmix"
    with pytest.raises(LoadError, match=message):
        pickle.loads(pickled(model, "9.0"))


# --- trees ---------------------------------------------------------------------------------------


def test_a_tree_deeper_than_python_calls_itself_is_copied(assert_same_bits):
    X = np.ldexp(1.0, np.arange(500) - 250)[:, None]  # every split takes off the last row
    model = BisectingKMeans(320, init="k-means++", random_state=0).fit(X)
    node, depth = model._tree, 1
    while node.children:
        node = max(node.children, key=lambda child: child.children is not None)
        depth += 1
    assert depth > 250
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_same_bits(again.predict(X), model.predict(X))


@pytest.mark.compiled  # in plain Python it takes minutes
def test_a_fitted_tree_holds_no_rows(rng):
    X = rng.normal(size=(20_000, 2))
    BisectingKMeans(16, random_state=0).fit(X)  # compiled kernels stay
    tracemalloc.start()
    try:
        model = BisectingKMeans(16, random_state=0).fit(X)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < model.labels_.nbytes + 8 * len(X)
