"""Fits on collections of Dask are those in memory; rows stay where they are, whatever happens there."""

import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fastmix
from fastmix import (
    BayesianGaussianMixture,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    MiniBatchGaussianMixture,
    MiniBatchKMeans,
)
from fastmix.engine import em, kmeans

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

N, D, K = 40_000, 8, 5
CUTS = {
    "even": (10_000, D),
    "odd": ((1, 7001, 0, 20_000, 12_998, 0), D),  # with empty blocks
    "columns": (9000, 3),
    "whole": (N, D),
}
compiled = pytest.mark.compiled
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Sending large graph"),
    pytest.mark.filterwarnings("ignore:The inplace keyword"),  # Dask is older than pandas
]
SAME = ("cluster_centers_", "n_iter_", "cluster_sizes_", "n_features_in_")
FITTED = ("weights_", "means_", "covariances_", "precisions_cholesky_")


@pytest.fixture(scope="module")
def X():
    random = np.random.RandomState(0)
    return random.normal(size=(N, D)) + 4 * random.randint(0, 3, size=(N, D))


@pytest.fixture(params=CUTS, scope="module")
def blocks(request, X):
    return da.from_array(X, chunks=CUTS[request.param])


@pytest.fixture(scope="module")
def frames():
    pytest.importorskip("pandas")
    return pytest.importorskip("dask.dataframe")


def named(X):
    import pandas as pd

    return pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])


def same_clusters(got, expected, assert_same_bits):
    for name in SAME:
        assert_same_bits(getattr(got, name), getattr(expected, name), name)
    assert_same_bits(np.asarray(got.labels_), expected.labels_)
    assert got.inertia_ == pytest.approx(expected.inertia_, rel=1e-13)


def same_mixture(got, expected, rtol=1e-10):
    for name in FITTED:
        np.testing.assert_allclose(getattr(got, name), getattr(expected, name), rtol, rtol)
    assert got.n_iter_ == expected.n_iter_
    assert got.lower_bound_ == pytest.approx(expected.lower_bound_, rel=rtol)


# --- the same as in memory -------------------------------------------------------------------------


@compiled
@pytest.mark.parametrize("init", ["array", "random", "k-means||"])
def test_k_means_gives_the_same_bits(X, blocks, init, assert_same_bits):
    options = {"random_state": 3, "n_init": 2, "init": init, "max_iter": 20}
    if init == "array":
        options |= {"init": X[:K], "n_init": 1, "max_iter": 300}
    expected, got = KMeans(K, **options).fit(X), KMeans(K, **options).fit(blocks)
    same_clusters(got, expected, assert_same_bits)
    assert isinstance(got.labels_, da.Array)
    assert got.labels_.shape == (N,)
    assert got.fit_report_.reason == "rows are read block by block"


@compiled
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_mixtures_agree(X, blocks, covariance_type):
    labels = KMeans(K, init=X[:K], max_iter=3).fit(X).labels_
    options = {"covariance_type": covariance_type, "init_params": labels, "max_iter": 4, "tol": 0}
    expected = GaussianMixture(K, **options).fit(X)
    got = GaussianMixture(K, **options).fit(blocks)
    same_mixture(got, expected)
    assert "block by block" in got.fit_report_.reason


@compiled
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
def test_other_dtypes(X, dtype, assert_same_bits):
    X = np.abs(X * 3).astype(dtype)
    blocks = da.from_array(X, chunks=CUTS["odd"])
    expected, got = (KMeans(K, init=X[:K]).fit(each) for each in (X, blocks))
    same_clusters(got, expected, assert_same_bits)
    options = {"covariance_type": "diag", "init_params": expected.labels_, "max_iter": 2, "tol": 0}
    mixtures = [GaussianMixture(K, **options).fit(each) for each in (blocks, X)]
    same_mixture(*mixtures, rtol=1e-6 if dtype == "float32" else 1e-10)


@pytest.mark.parametrize("n", [5, 40, 700])
def test_few_rows(X, n, assert_same_bits):
    few = X[:n]
    for cut in (1 + n // 3, n):
        blocks = da.from_array(few, chunks=(cut, 4))
        expected, got = (KMeans(3, init=few[:3]).fit(each) for each in (few, blocks))
        same_clusters(got, expected, assert_same_bits)
    mixtures = [GaussianMixture(2, init_params=np.arange(n) % 2).fit(x) for x in (blocks, few)]
    same_mixture(*mixtures)


@pytest.mark.parametrize("weighted", [False, True])
def test_few_rows_of_every_start(X, rng, weighted, assert_same_bits):
    few = X[:150, :3]
    weight = rng.randint(0, 3, 150).astype(np.float64) if weighted else None
    given = None if weight is None else da.from_array(weight, chunks=150)
    blocks = da.from_array(few, chunks=((40, 0, 70, 40), 3))
    for init in ("k-means||", "random"):
        options = {"init": init, "random_state": 1, "n_init": 2}
        expected = KMeans(3, **options).fit(few, sample_weight=weight)
        got = KMeans(3, **options).fit(blocks, sample_weight=given)
        if weighted:  # the first row is drawn in another way
            assert got.inertia_ <= 1.5 * expected.inertia_
        else:
            same_clusters(got, expected, assert_same_bits)
    for start in ("kmeans", "k-means++", "random_from_data"):
        mixture = GaussianMixture(2, init_params=start, random_state=0, covariance_type="diag")
        mixture.fit(blocks, sample_weight=given)
        assert mixture.score(blocks, sample_weight=given) == pytest.approx(
            mixture.score(few, sample_weight=weight)
        )
    assert got.transform(blocks).compute().shape == (150, 3)


@compiled
@pytest.mark.parametrize("weighted", [False, True])
def test_large_blocks_are_packed_piece_by_piece(X, rng, weighted, assert_same_bits):
    many = np.tile(X, (4, 1)) + rng.normal(size=(4 * N, D))
    weight = rng.randint(0, 3, 4 * N).astype(np.float64) if weighted else None
    blocks = da.from_array(many, chunks=(90_000, D))
    expected, got = (
        KMeans(K, init=X[:K], max_iter=5).fit(each, sample_weight=weight) for each in (many, blocks)
    )
    same_clusters(got, expected, assert_same_bits)
    options = {"covariance_type": "diag", "init_params": expected.labels_, "max_iter": 2, "tol": 0}
    same_mixture(*(GaussianMixture(K, **options).fit(x, None, weight) for x in (blocks, many)))
    init = np.vstack([X[: K - 1], np.full((1, D), 1e4)])  # nobody is near
    expected, got = (
        KMeans(K, init=init, max_iter=3).fit(each, sample_weight=weight) for each in (many, blocks)
    )
    same_clusters(got, expected, assert_same_bits)


@compiled
@pytest.mark.parametrize("as_blocks", [False, True])
def test_weights(X, rng, as_blocks, assert_same_bits):
    weight = rng.randint(0, 4, N) * 1.7
    cuts = CUTS["odd"]
    blocks = da.from_array(X, chunks=cuts)
    given = da.from_array(weight, chunks=3001) if as_blocks else weight
    expected = KMeans(K, init=X[:K]).fit(X, sample_weight=weight)
    got = KMeans(K, init=X[:K]).fit(blocks, sample_weight=given)
    same_clusters(got, expected, assert_same_bits)
    assert got.score(blocks, sample_weight=given) == pytest.approx(
        expected.score(X, sample_weight=weight)
    )
    mixtures = [
        GaussianMixture(K, init_params=expected.labels_, max_iter=2, tol=0).fit(*each)
        for each in ((blocks, None, given), (X, None, weight))
    ]
    same_mixture(*mixtures)
    scores = [mixtures[0].score(*each) for each in ((blocks, None, given), (X, None, weight))]
    assert scores[0] == pytest.approx(scores[1])


@compiled
def test_weights_too_unequal_for_exact_sums(X, rng):
    weight = 10.0 ** rng.uniform(-9, 9, N)
    blocks = da.from_array(X, chunks=CUTS["odd"])
    expected = KMeans(K, init=X[:K]).fit(X, sample_weight=weight)
    got = KMeans(K, init=X[:K]).fit(blocks, sample_weight=weight)
    np.testing.assert_allclose(got.cluster_centers_, expected.cluster_centers_, 1e-9)
    for init in ("random", "k-means++"):
        model = KMeans(K, init=init, random_state=0, n_init=1, max_iter=3)
        assert np.isfinite(model.fit(blocks, sample_weight=weight).inertia_)


@compiled
def test_rows_of_weight_0_do_not_matter(X, rng, assert_same_bits):
    weight = rng.randint(0, 2, N).astype(np.float64)
    spoiled = np.where(weight[:, None] == 0, 1e6, X)
    options = {"init_params": np.arange(N) % K, "max_iter": 2, "tol": 0, "covariance_type": "diag"}
    mixtures = [
        GaussianMixture(K, **options).fit(da.from_array(x, chunks=CUTS["odd"]), None, weight)
        for x in (X, spoiled)
    ]
    assert_same_bits(mixtures[0].means_, mixtures[1].means_)


@compiled
@pytest.mark.parametrize("k", [6, 12])
def test_empty_clusters_take_the_same_rows(rng, k, assert_same_bits):
    X = rng.normal(size=(3000, 3))
    init = np.vstack([X[:3], X[:3] + 1e4, np.full((k - 6, 3), -1e4)]) if k > 3 else X[:3]
    for weight in (None, rng.randint(0, 3, 3000).astype(np.float64)):
        expected = KMeans(k, init=init).fit(X, sample_weight=weight)
        blocks = da.from_array(X, chunks=(701, 3))
        got = KMeans(k, init=init).fit(blocks, sample_weight=weight)
        same_clusters(got, expected, assert_same_bits)


def test_equal_rows(assert_same_bits):
    X = np.repeat([[1.0, 2.0]], 60, axis=0)
    blocks = da.from_array(X, chunks=(11, 2))
    for init in (X[:2], "k-means++"):
        expected, got = (KMeans(2, init=init, random_state=0).fit(each) for each in (X, blocks))
        assert_same_bits(np.asarray(got.labels_), expected.labels_)


@compiled
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_neither_threads_nor_blocks_matter(X, n_threads, assert_same_bits):
    options = {"random_state": 1, "max_iter": 5, "n_threads": n_threads}
    found = [KMeans(K, **options).fit(da.from_array(X, chunks=each)) for each in CUTS.values()]
    for other in found[1:]:
        assert_same_bits(other.cluster_centers_, found[0].cluster_centers_)


@compiled
def test_starts(X):
    blocks = da.from_array(X, chunks=CUTS["odd"])
    for start in ("kmeans", "k-means++", "random_from_data"):
        model = GaussianMixture(K, init_params=start, random_state=0, covariance_type="diag")
        assert np.isfinite(model.fit(blocks).lower_bound_)
    labels = KMeans(K, random_state=0).fit(blocks).labels_
    lazy = GaussianMixture(K, init_params=labels, max_iter=2).fit(blocks)
    same_mixture(lazy, GaussianMixture(K, init_params=np.asarray(labels), max_iter=2).fit(X))
    start = {"weights_init": lazy.weights_, "means_init": lazy.means_}
    start |= {"precisions_init": lazy.precisions_, "max_iter": 2, "tol": 0}
    same_mixture(*(GaussianMixture(K, **start).fit(each) for each in (blocks, X)))
    assert (np.asarray(model.fit_predict(blocks)) == model.predict(X)).all()
    warm = GaussianMixture(K, random_state=0, warm_start=True, max_iter=2)
    bounds = [warm.fit(blocks).lower_bound_ for _ in range(2)]
    assert bounds[1] > bounds[0]
    squared = GaussianMixture(K, accelerate="squarem", random_state=0, max_iter=8).fit(blocks)
    assert squared.lower_bound_ >= bounds[0]


@compiled
def test_a_bayesian_mixture_agrees(X):
    labels = np.arange(N) % K
    options = {"init_params": labels, "max_iter": 3, "tol": 0, "covariance_type": "diag"}
    blocks = da.from_array(X, chunks=CUTS["odd"])
    models = [BayesianGaussianMixture(n_components=K, **options).fit(x) for x in (blocks, X)]
    np.testing.assert_allclose(models[0].means_, models[1].means_, 1e-9, 1e-9)


# --- frames, files and what has no length yet ------------------------------------------------------


@compiled
def test_the_same_three_lines_for_an_array_a_folder_and_dask(X, frames, tmp_path, assert_same_bits):
    """The three passes, compared: rows in memory, chunks of files, blocks of Dask."""
    pytest.importorskip("pyarrow")
    folder = tmp_path / "rows"
    frames.from_pandas(named(X), npartitions=3).to_parquet(folder, write_index=False)
    passes = {
        "array": X,
        "folder": folder,
        "blocks": da.from_array(X, chunks=CUTS["odd"]),
        "frame": frames.read_parquet(folder),
    }
    found = {}
    for name, rows in passes.items():
        model = KMeans(K, init="k-means||", random_state=7, max_iter=30).fit(rows)
        mixture = GaussianMixture(
            K, init_params=np.asarray(model.labels_), max_iter=3, tol=0, covariance_type="diag"
        ).fit(rows)
        found[name] = model, mixture, np.asarray(model.predict(rows))
    clusters, expected, labels = found.pop("array")
    for name, (model, mixture, its) in found.items():
        for each in SAME:
            assert_same_bits(getattr(model, each), getattr(clusters, each), f"{each} of {name}")
        assert_same_bits(its, labels, name)
        same_mixture(mixture, expected)


@compiled
def test_names_of_a_frame(X, frames):
    frame = frames.from_pandas(named(X[:3000]), npartitions=3)
    model = KMeans(2, random_state=0).fit(frame)
    assert model.feature_names_in_.tolist() == [f"x{j}" for j in range(D)]
    assert model.labels_.shape == (3000,)
    assert (np.asarray(model.predict(frame)) == np.asarray(model.labels_)).all()
    assert (model.predict(named(X[:3000])) == np.asarray(model.labels_)).all()
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"x0": "y"}))
    weighted = KMeans(2, random_state=0).fit(frame[["x0", "x1"]], sample_weight=abs(frame["x2"]))
    assert weighted.n_features_in_ == 2


@compiled
def test_unknown_lengths_are_counted(X, assert_same_bits):
    blocks = da.from_array(X, chunks=CUTS["even"])
    some = blocks[blocks[:, 0] > 1]
    assert np.isnan(some.shape[0])
    inside = X[X[:, 0] > 1]
    expected, got = (KMeans(K, init=X[:K]).fit(each) for each in (inside, some))
    same_clusters(got, expected, assert_same_bits)
    assert np.isnan(some.shape[0])  # it is the caller's
    weight = abs(blocks[:, 1][blocks[:, 0] > 1]) + 1
    expected = KMeans(K, init=X[:K]).fit(inside, sample_weight=abs(inside[:, 1]) + 1)
    same_clusters(KMeans(K, init=X[:K]).fit(some, None, weight), expected, assert_same_bits)
    assert np.isnan(got.predict(some).shape[0])
    assert got.score(some) == pytest.approx(got.score(inside))


# --- results ---------------------------------------------------------------------------------------


@compiled
def test_results_are_lazy(X, blocks, assert_same_bits):
    model = KMeans(K, init=X[:K], max_iter=2).fit(X)
    mixture = GaussianMixture(K, init_params=model.labels_, max_iter=2).fit(X)
    for estimator, methods in (
        (model, ("predict", "transform")),
        (mixture, ("predict", "predict_proba", "score_samples", "uncertainty", "mahalanobis")),
    ):
        for name in methods:
            lazy, expected = getattr(estimator, name)(blocks), getattr(estimator, name)(X)
            assert isinstance(lazy, da.Array)
            assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
            if name == "mahalanobis":  # BLAS, whose rounding depends on the number of rows
                np.testing.assert_allclose(np.asarray(lazy), expected, 1e-12)
            else:
                assert_same_bits(np.asarray(lazy), expected, name)
    assert model.score(blocks) == pytest.approx(model.score(X), rel=1e-12)
    for name in ("score", "bic", "aic", "icl"):
        assert getattr(mixture, name)(blocks) == pytest.approx(getattr(mixture, name)(X), rel=1e-12)
    assert model.fit_predict(blocks).shape == (N,)
    assert model.fit_transform(blocks).shape == (N, K)


def start_of(X, k, random_state):
    return X[:k]


@compiled
def test_only_what_predictions_need_goes_to_the_blocks(X, blocks, assert_same_bits):
    """Not the labels or rows that a fit has started from, nor what cannot be pickled."""
    from fastmix.distributed.results import _ready

    labels = np.arange(N) % K
    options = {"covariance_type": "diag", "max_iter": 2, "random_state": 0}
    for model in (
        KMeans(K, init=lambda *given, **options: start_of(*given, **options), n_init=1),
        GaussianMixture(K, init_params=labels, **options),
        GaussianMixture(
            K, init_params=lambda X, n_components, random_state: labels % n_components, **options
        ),
    ):
        model.fit(X)
        _, lean = _ready(model, blocks)
        assert len(pickle.dumps(lean)) < 20_000
        assert_same_bits(np.asarray(model.predict(blocks)), model.predict(X))
        assert model.score(blocks) == pytest.approx(model.score(X), rel=1e-12)
    mixture = GaussianMixture(K, init_params=da.from_array(labels, chunks=7001), **options)
    assert len(pickle.dumps(_ready(mixture.fit(blocks), blocks)[1])) < 20_000


@compiled
def test_a_block_has_as_many_threads_as_there_are_for_it(X, monkeypatch):
    from fastmix.distributed import inputs
    from fastmix.distributed.results import _ready

    monkeypatch.setattr(inputs, "n_threads_of_all", lambda: 8)
    model = KMeans(K, init=X[:K]).fit(X)
    for n_blocks, n_threads in ((1, 8), (4, 2), (16, 1)):
        rows = da.from_array(X, chunks=(N // n_blocks, D))
        assert _ready(model, rows)[1].n_threads == n_threads
    assert _ready(model.set_params(n_threads=3), rows)[1].n_threads == 3


@compiled
def test_the_score_of_no_rows_is_an_error(X):
    model = KMeans(K, init=X[:K]).fit(X)
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        model.score(da.from_array(X, chunks=(9000, D))[:0])


@compiled
def test_blocks_get_no_more_of_a_model_than_they_need(X):
    from fastmix.distributed import results

    labels, seeds = np.arange(N) % K, da.from_array(np.arange(N) % K, chunks=9000)
    blocks = da.from_array(X, chunks=CUTS["even"])
    models = [
        KMeans(K, init=X[:K], max_iter=2).fit(X),
        KMeans(K, init=lambda X, k, random_state: X[:k], n_init=1, max_iter=2).fit(X),
        *(
            GaussianMixture(K, init_params=i, max_iter=2).fit(x)
            for i, x in ((labels, X), (seeds, blocks))
        ),
        GaussianMixture(
            K,
            init_params=lambda X, n_components, random_state: labels,
            covariance_type="diag",
            max_iter=2,
        ).fit(X),
        BayesianGaussianMixture(
            n_components=K,
            init_params=labels,
            weight_concentration_prior_type="dirichlet_distribution",
            covariance_type="tied",
            max_iter=2,
        ).fit(X),
        MiniBatchKMeans(K, init=X[:K], n_init=1).partial_fit(X),
        BisectingKMeans(K, init=lambda X, k, random_state: X[:k]).fit(X),
        MiniBatchGaussianMixture(K, init_params=labels, random_state=0, max_iter=1).fit(X),
    ]
    for model in models:
        before = dict(vars(model))
        assert len(pickle.dumps(results._ready(model, blocks)[1])) < 20_000
        for name in ("predict", "transform", "predict_proba"):
            if hasattr(model, name):
                lazy, expected = getattr(model, name)(blocks), getattr(model, name)(X)
                np.testing.assert_array_equal(np.asarray(lazy), expected)
        for name in ("score", "bic", "aic"):
            if hasattr(model, name):
                expected = getattr(model, name)(X)
                assert getattr(model, name)(blocks) == pytest.approx(expected, rel=1e-12)
        assert vars(model) == before


@compiled
@pytest.mark.parametrize("kind", ["Float64", "Float32", {"x1": "Float64"}, {"x1": "Int64"}])
def test_results_for_nullable_columns(X, frames, kind):
    some = named(X[:3000].round())
    nullable = some.astype(kind)
    model = KMeans(2, init=X[:2]).fit(some)
    frame = frames.from_pandas(nullable, npartitions=3)
    assert KMeans(2, init=X[:2]).fit(frame).inertia_ == pytest.approx(model.inertia_, rel=1e-5)
    np.testing.assert_array_equal(np.asarray(model.predict(frame)), model.predict(nullable))
    np.testing.assert_allclose(np.asarray(model.transform(frame)), model.transform(some), 1e-5)
    assert model.score(frame) == pytest.approx(model.score(some), rel=1e-5)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"x0": "y"}))


@compiled
def test_models_are_saved_and_pickled(X, tmp_path, assert_same_bits):
    model = KMeans(K, init=X[:K], max_iter=2).fit(da.from_array(X[:4000], chunks=(999, D)))
    model.save(tmp_path / "model.fastmix")
    loaded = fastmix.load(tmp_path / "model.fastmix")
    assert_same_bits(loaded.labels_, np.asarray(model.labels_))
    assert loaded.fit_report_ == model.fit_report_
    again = pickle.loads(pickle.dumps(model))
    assert_same_bits(np.asarray(again.labels_), loaded.labels_)


@compiled
def test_bytes_do_not_depend_on_rows_or_blocks(X):
    def traffic(n, rows):
        blocks = da.from_array(np.tile(X, (n, 1)), chunks=(rows, D))
        model = KMeans(K, init=X[:K], max_iter=4, tol=0).fit(blocks)
        start = {"weights_init": np.full(K, 1 / K), "means_init": X[:K], "max_iter": 3, "tol": 0}
        mixture = GaussianMixture(K, precisions_init=[np.eye(D)] * K, **start).fit(blocks)
        assert "bytes of totals" in str(model.fit_report_)
        assert len(mixture.fit_report_.sent) == len(mixture.fit_report_.received) == 3
        return [(r.sent, r.received) for r in (model.fit_report_, mixture.fit_report_)]

    found = traffic(1, 10_000)
    for other in (traffic(3, 10_000), traffic(1, 1000)):
        np.testing.assert_allclose(
            found[0], other[0], atol=16
        )  # whole numbers are as long as they are
        np.testing.assert_allclose(found[1], other[1], atol=16)
    assert max(found[0][0]) < 3000
    assert max(found[1][1]) < 8000
    assert KMeans(K, init=X[:K]).fit(X).fit_report_.sent == ()


# --- what is wrong -----------------------------------------------------------------------------------


def refused(rows, error, match, weight=None, estimators=None):
    """Both classes say the same, and are as they were before."""
    for estimator in estimators or [KMeans(K, random_state=0), GaussianMixture(K, random_state=0)]:
        before = dict(vars(estimator))
        with pytest.raises(error, match=match):
            estimator.fit(rows, sample_weight=weight)
        assert vars(estimator) == before


@compiled
@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_a_number_that_is_none_is_placed(X, value, word):
    spoiled = X.copy()
    spoiled[8005, 3] = value
    blocks = da.from_array(spoiled, chunks=CUTS["odd"])
    text = rf"contains {word}: row 1003 of block 3 \(row 8005 of all\), column 3"
    refused(blocks, ValueError, text)
    model = KMeans(K, init=X[:K], max_iter=1).fit(X)
    with pytest.raises(ValueError, match="This was in block 3"):
        model.predict(blocks).compute()


@compiled
def test_arrays_of_another_kind_are_refused(X, frames):
    blocks = da.from_array(X, chunks=CUTS["even"])
    refused(blocks[:, 0], ValueError, r"shape \(rows, features\), but is of shape \(40000,\)")
    refused(blocks.reshape(N, 2, 4), ValueError, r"but is of shape \(40000, 2, 4\)")
    refused(blocks[:, :0], ValueError, r"but is of shape \(40000, 0\)")
    refused(blocks.astype(str), ValueError, "of dtype <U32, but rows have to be numbers")
    refused(blocks.astype(complex), ValueError, "complex128, but rows have to be numbers")
    refused(blocks[:0], ValueError, "0 sample")
    refused(blocks[:3], ValueError, "3 should be|n_samples >= n_components")
    refused(dask.delayed(1), TypeError, "give a Dask array of NumPy arrays, or a frame")
    frame = frames.from_pandas(named(X[:100]).assign(x0="a"), npartitions=2)
    refused(frame, ValueError, "rows have to be numbers")
    refused(frame["x1"], ValueError, "shape")


@compiled
@pytest.mark.parametrize("rows", [27_000, 33_000])
def test_blocks_that_are_not_what_dask_says_are_refused(X, rows):
    def blocks():
        parts = [dask.delayed(X[:rows]), dask.delayed(X[:10_000])]
        sizes = [30_000, 10_000]
        return da.concatenate(
            [da.from_delayed(p, (m, D), X.dtype) for p, m in zip(parts, sizes, strict=True)]
        )

    for model in (KMeans(K, init=X[:K]), KMeans(K, init="random", random_state=0)):
        with pytest.raises(ValueError, match=r"Block \d+ of X is of shape .* says"):
            model.fit(blocks())
        assert not hasattr(model, "cluster_centers_")
    lazy = KMeans(K, init=X[:K], max_iter=1).fit(X).predict(blocks())
    with pytest.raises(ValueError, match=r"Block 0 of X is of shape .* says"):
        lazy.compute()


@compiled
def test_nothing_of_the_callers_is_changed(X):
    whole = da.from_array(X, chunks=(9000, D))
    some, weight = whole[whole[:, 0] > 0], abs(whole[:, 1])[whole[:, 0] > 0]
    labels = (whole[:, 2] > 0)[whole[:, 0] > 0].astype(np.int64)
    KMeans(2, init=X[:2]).fit(some, sample_weight=weight)
    GaussianMixture(2, init_params=labels, covariance_type="diag", max_iter=2).fit(some)
    for array in (some, weight, labels):
        assert np.isnan(array.shape[0])


@compiled
def test_weights_do_not_read_the_rows(X):
    """However often these are read, it is as often as without."""
    read = []

    def look(block):
        read.append(len(block))
        return block

    rows = da.from_array(X, chunks=(N, D)).map_blocks(look, meta=X[:0])
    counts = []
    for weight in (None, np.arange(1.0, N + 1)):
        read.clear()
        KMeans(K, init=X[:K], max_iter=2, tol=0.0).fit(rows, sample_weight=weight)
        counts.append(len(read))
    assert counts[0] == counts[1] > 2


@compiled
def test_a_column_of_a_frame_holds_labels(X, frames, assert_same_bits):
    frame = named(X).assign(label=np.arange(N) % K)
    blocks = frames.from_pandas(frame, npartitions=3)
    features = blocks[[f"x{j}" for j in range(D)]]
    options = {"n_components": K, "covariance_type": "diag", "max_iter": 3}
    got = GaussianMixture(init_params=blocks["label"], **options).fit(features)
    expected = GaussianMixture(init_params=da.from_array(np.arange(N) % K), **options).fit(features)
    assert_same_bits(got.means_, expected.means_)


@compiled
def test_wrong_weights_are_named(X):
    blocks = da.from_array(X, chunks=CUTS["odd"])
    weight = np.ones(N)
    for value, text in [
        (-1.0, "Negative values.*row 9000"),
        (np.nan, "contains NaN: row 9000"),
        (np.inf, "contains infinity: row 9000"),
    ]:
        weight[9000] = value
        refused(blocks, ValueError, text, weight)
        refused(blocks, ValueError, "This was in block 3", da.from_array(weight, chunks=7000))
    refused(blocks, ValueError, "at least one non-zero", np.zeros(N))
    refused(blocks, ValueError, r"sample_weight.shape == \(39999,\)", np.ones(N - 1))
    refused(blocks, ValueError, r"sample_weight.shape == \(40000, 1\)", da.ones((N, 1)))


@compiled
def test_what_needs_all_rows_is_refused(X):
    blocks = da.from_array(X, chunks=CUTS["even"])

    def only(estimator, match, error=ValueError):
        refused(blocks, error, match, estimators=[estimator])

    only(KMeans(K, n_init="breathing"), "X is read block by block")
    only(KMeans(K, init="exact-k-means++"), "block by block. Take 'k-means|")
    only(KMeans(K, init=lambda X, k, random_state: X[:k]), "these are read block by block")
    for start in ("random", "kmeans-whitened"):
        only(GaussianMixture(K, init_params=start), "X is read block by block. Take one of")
    only(GaussianMixture(K, on_collapse="reseed"), "X is read block by block")
    only(GaussianMixture(K, init_params=da.full(N, K)), "labels from 5 to 5, but they have to be")
    only(GaussianMixture(K, init_params=da.zeros(N)), "dtype float64. Of Dask it may hold")
    only(MiniBatchKMeans(K), r"Give X.compute\(\)", TypeError)


@compiled
def test_other_features_than_those_of_the_fit_are_refused_at_once(X):
    model = KMeans(K, init=X[:K], max_iter=1).fit(X)
    blocks = da.from_array(X[:, :3], chunks=(10_000, 3))
    for method in (model.predict, model.transform, model.score):
        with pytest.raises(ValueError, match="X has 3 features, but KMeans is expecting 8"):
            method(blocks)


@compiled
@pytest.mark.parametrize("cls", [KMeans, GaussianMixture])
def test_an_error_in_mid_fit_leaves_nothing_half_fitted(X, cls):
    calls = []

    def once_too_often(block):
        calls.append(1)
        if len(calls) > 30:
            raise OSError("the disk is gone")
        return block

    blocks = da.from_array(X, chunks=CUTS["even"]).map_blocks(once_too_often, dtype=X.dtype)
    refused(blocks, OSError, "the disk is gone", estimators=[cls(K, random_state=0, tol=0)])


@compiled
def test_ctrl_c_leaves_the_last_iteration_that_was_finished(X, monkeypatch, assert_same_bits):
    from fastmix.distributed.passes import Spread

    total, passes = Spread.total, []

    def interrupted(one_pass, self, function, *given):
        passes.extend([function] * (getattr(function, "__name__", "") == one_pass))
        if len(passes) == 4:
            raise KeyboardInterrupt("here")
        return total(self, function, *given)

    blocks = da.from_array(X, chunks=(9000, D))
    start = {"weights_init": np.full(K, 1 / K), "means_init": X[:K], "random_state": 0}
    for one_pass, model in (
        ("_assign", KMeans(K, init=X[:K], tol=0.0)),
        ("_expect", GaussianMixture(K, covariance_type="diag", tol=0.0, **start)),
    ):
        same = type(model)(**model.get_params() | {"max_iter": 3}).fit(blocks)
        passes.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Spread, "total", lambda *given, of=one_pass: interrupted(of, *given))
            with pytest.raises(KeyboardInterrupt, match="here"):
                model.fit(blocks)
        assert model.n_iter_ == 3
        for name in ("cluster_centers_", "means_", "covariances_"):
            if hasattr(same, name):
                assert_same_bits(getattr(model, name), getattr(same, name), name)
        assert_same_bits(np.asarray(model.predict(blocks)), same.predict(X))


@compiled
def test_an_error_of_a_pass_names_the_block(X, monkeypatch):
    from fastmix.distributed import passes

    def fails(self):
        raise MemoryError("no room") if self.number == 1 else ZeroDivisionError

    monkeypatch.setattr(passes.Block, "rows", fails)
    blocks = da.from_array(X, chunks=(N, D))
    with pytest.raises(ZeroDivisionError, match=f"This was in block 0, rows 0 to {N - 1}."):
        KMeans(K, init=X[:K]).fit(blocks)


def test_arrays_of_others_that_know_dask_are_arrays(X):
    class Labelled:
        """As those of xarray are."""

        def __array__(self, dtype=None, copy=None):
            return X[:50]

        def __dask_graph__(self):
            return None

    assert isinstance(KMeans(2, random_state=0).fit(Labelled()).labels_, np.ndarray)


def test_fastmix_does_not_import_dask():
    code = (
        "import sys, fastmix; print([m for m in sys.modules if m.startswith(('dask', 'distrib'))])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


# --- a cluster of processes --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster():
    """Two processes of one thread each, and a client."""
    distributed = pytest.importorskip("distributed")
    quiet = {"distributed.comm.retry.count": 2, "distributed.scheduler.allowed-failures": 10}
    with dask.config.set(quiet):
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=60
        ) as found:
            yield found


@pytest.fixture
def client(cluster):
    from distributed import Client

    with Client(cluster) as found:
        found.wait_for_workers(2, timeout=60)
        yield found


def killing(monkeypatch, cluster, module, name, at):
    """Let a worker die before these calls of a function, one of every iteration."""
    calls, inner, died = [], getattr(module, name), []

    def wrapped(*args, **options):
        calls.append(1)
        if len(calls) in at:
            worker = list(cluster.workers.values())[len(died) % 2]
            died.append(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)
        return inner(*args, **options)

    monkeypatch.setattr(module, name, wrapped)
    return died


@compiled
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_worker_may_die(X, cluster, client, monkeypatch, assert_same_bits):
    expected = KMeans(K, init=X[:K]).fit(X)
    start = {"init_params": expected.labels_, "max_iter": 5, "tol": 0, "covariance_type": "diag"}
    mixture = GaussianMixture(K, **start).fit(X)
    blocks = da.from_array(X, chunks=CUTS["even"])
    died = killing(monkeypatch, cluster, kmeans, "means", {4})
    same_clusters(KMeans(K, init=X[:K]).fit(blocks), expected, assert_same_bits)
    assert len(died) == 1
    died = killing(monkeypatch, cluster, em, "reached", {3})
    same_mixture(GaussianMixture(K, **start).fit(blocks), mixture)
    assert len(died) == 1


@compiled
def test_rows_stay_with_the_workers(X, client):
    """Between iterations the client's process gets no more than totals, and workers hardly more."""
    blocks = da.from_array(X, chunks=CUTS["even"]).persist()

    def received():
        # of every transfer from another worker the log tells its bytes
        return sum(
            sum(each["total"] for each in log)
            for log in client.run(
                lambda dask_worker: list(dask_worker.transfer_incoming_log)
            ).values()
        )

    def passes(max_iter):
        before = received()
        model = KMeans(K, init=X[:K], max_iter=max_iter, tol=0).fit(blocks)
        return received() - before, len(model.fit_report_.sent)

    def a_pass():
        (few, n_few), (many, n_many) = passes(2), passes(12)
        return (many - few) / (n_many - n_few)

    # Dask may copy a block to a worker that has nothing to do, but not in every fit
    assert min(a_pass() for _ in range(3)) < 20_000  # of 2.5 MB


@compiled
@pytest.mark.nightly
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_workers_may_die_again_and_again_and_be_slow(
    X, cluster, client, monkeypatch, assert_same_bits
):
    expected = KMeans(K, init=X[:K]).fit(X)

    def slowly(block, block_id=None):
        time.sleep(0.2 * (block_id[0] == 1))
        return block

    for blocks in (
        da.from_array(X, chunks=CUTS["odd"]),
        da.from_array(X, chunks=CUTS["even"]).map_blocks(slowly, dtype=X.dtype),
    ):
        with monkeypatch.context() as patch:
            died = killing(patch, cluster, kmeans, "means", {2, 9, 15})
            same_clusters(KMeans(K, init=X[:K]).fit(blocks), expected, assert_same_bits)
            assert len(died) == 3
        client.wait_for_workers(2, timeout=60)
