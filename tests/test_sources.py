"""Fits on sources are those in memory; what is wrong with a source is told in one line."""

import os
import sys
from inspect import isfunction
from pathlib import Path

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
from fastmix.engine import em
from fastmix.plotting import plot_kmeans
from fastmix.sources import Source, apply

N, D, K = 40_000, 8, 5
MEMORY = 1 << 22  # three blocks of float64
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def X():
    random = np.random.RandomState(0)
    return random.normal(size=(N, D)) + 4 * random.randint(0, 3, size=(N, D))


class Chunked:
    """Chunks of rows, as often as they are asked for; `change(pass, number, chunk)` may spoil them."""

    def __init__(self, X, rows=7001, weight=None, change=lambda i, number, chunk: chunk):
        self.X, self.rows, self.weight, self.change = X, rows, weight, change
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        for number, first in enumerate(range(0, len(self.X), self.rows)):
            some = slice(first, first + self.rows)
            chunk = self.X[some] if self.weight is None else (self.X[some], self.weight[some])
            chunk = self.change(self.passes, number, chunk)
            if chunk is not None:
                yield chunk


def spoiled(X, change):
    """A source that counts its passes from 1, for every fit anew."""
    return lambda: Source(Chunked(X, change=change), memory=MEMORY)


KINDS = ["memmap", "npy", "chunks", "batches", "file", "folder", "sliced"]


@pytest.fixture
def kind(request, X, tmp_path):
    """Maker of what holds X, and of its bits."""

    def make(name, X=X):
        if name == "chunks":
            return Chunked(X)
        if name == "sliced":
            return Sliced(X)
        if name in ("memmap", "npy"):
            path = tmp_path / "X.npy"
            np.save(path, X)
            return path if name == "npy" else np.load(path, mmap_mode="r")
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        table = pa.table({f"x{j}": np.ascontiguousarray(X[:, j]) for j in range(X.shape[1])})
        if name == "batches":
            return Chunked(Batches(table))
        if name == "file":
            pq.write_table(table, tmp_path / "X.parquet", row_group_size=9000)
            return str(tmp_path / "X.parquet")
        folder = tmp_path / "X"
        folder.mkdir()
        for i in range(4):
            pq.write_table(table.slice(i * 10_000, 10_000), folder / f"part-{i}.parquet")
        return folder

    return make


class Sliced:
    """What a Zarr array offers: it is read slice by slice, and must not be read as a whole."""

    def __init__(self, X):
        self._X, self.shape, self.dtype, self.chunks = X, X.shape, X.dtype, (1000, X.shape[1])

    def __getitem__(self, key):
        found = self._X[key]
        assert len(found) < len(self._X)
        return found


class Batches:
    """A table whose slices are record batches."""

    def __init__(self, table):
        self.table = table

    def __len__(self):
        return len(self.table)

    def __getitem__(self, some):
        (batch,) = (
            self.table.slice(some.start, some.stop - some.start).combine_chunks().to_batches()
        )
        return batch


# --- progress --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "first"), [("chunks", "0.00 rows"), ("npy", "0%")])
def test_progress_tells_pass_and_rows(X, kind, capsys, name, first):
    source = Source(kind(name), memory=MEMORY, progress=True)
    model = KMeans(K, init=X[:K], max_iter=3, tol=0).fit(source)
    shown = capsys.readouterr().err
    assert f"pass 1: {first}" in shown.replace("   ", " ")
    # from the end of the first look on, or from the shape, it is known how many rows there are
    for number in range(2, model.n_iter_ + 2):
        assert f"pass {number}:   0%" in shown
        assert f"/{N / 1000:.1f}k [" in shown.partition(f"pass {number}:")[2]
    model.predict(Source(kind(name), memory=MEMORY))
    assert capsys.readouterr().err == ""


def test_a_pass_that_ends_early_tells_no_number_of_rows(X, capsys):
    source = Source(Chunked(X), memory=MEMORY, progress=True)
    chunks = source.chunks()
    next(chunks.blocks())
    list(chunks.blocks())
    list(chunks.blocks())
    shown = capsys.readouterr().err
    assert "pass 2: 0.00 rows" in shown
    assert "pass 3:   0%" in shown


# --- the same as in memory -------------------------------------------------------------------------


@pytest.mark.compiled
@pytest.mark.parametrize("name", KINDS)
def test_k_means_gives_the_same_bits(X, kind, name, assert_same_bits):
    expected = KMeans(K, init=X[:K], tol=1e-3).fit(X)
    source = Source(kind(name), memory=MEMORY)
    got = KMeans(K, init=X[:K], tol=1e-3).fit(source)
    for each in ("labels_", "cluster_centers_", "n_iter_", "cluster_sizes_", "n_features_in_"):
        assert_same_bits(getattr(got, each), getattr(expected, each), each)
    assert got.inertia_ == pytest.approx(expected.inertia_, rel=1e-13)
    assert "chunk by chunk" in got.fit_report_.reason
    assert_same_bits(got.predict(source), expected.labels_)
    assert_same_bits(got.transform(source), expected.transform(X))


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["memmap", "chunks", "folder"])
def test_mixtures_give_the_same_bits(X, kind, name, assert_same_bits):
    labels = KMeans(K, init=X[:K], max_iter=3).fit(X).labels_
    options = {"covariance_type": "diag", "init_params": labels, "max_iter": 2, "tol": 0.0}
    expected = GaussianMixture(K, **options).fit(X)
    source = Source(kind(name), memory=MEMORY)
    got = GaussianMixture(K, **options).fit(source)
    for each in ("weights_", "means_", "covariances_", "precisions_cholesky_", "lower_bounds_"):
        assert_same_bits(getattr(got, each), getattr(expected, each), each)
    for method in ("predict", "predict_proba", "score_samples", "uncertainty", "mahalanobis"):
        assert_same_bits(getattr(got, method)(source), getattr(expected, method)(X), method)


@pytest.mark.compiled
@pytest.mark.parametrize("covariance", ["full", "tied", "spherical"])
def test_mixtures_from_given_parameters(X, covariance, mixture_start, assert_same_bits):
    labels = KMeans(K, init=X[:K], max_iter=1).fit(X).labels_
    start = mixture_start(X, labels, covariance)
    options = {"covariance_type": covariance, "max_iter": 2, "tol": 0.0, **start}
    expected = GaussianMixture(K, **options).fit(X)
    got = GaussianMixture(K, **options).fit(Source(Chunked(X), memory=MEMORY))
    assert_same_bits(got.means_, expected.means_)
    assert_same_bits(got.covariances_, expected.covariances_)


@pytest.mark.compiled
@pytest.mark.parametrize("n_threads", [1, 2, 7])
def test_threads_and_chunks_do_not_matter(X, n_threads, assert_same_bits):
    found = []
    for rows in (40_000, 3, 999)[: 2 if n_threads == 1 else 3]:
        rows = max(rows, 999)
        model = KMeans(K, init="k-means||", random_state=1, max_iter=4, n_threads=n_threads)
        mixture = GaussianMixture(K, covariance_type="diag", random_state=1, max_iter=2)
        source = Source(Chunked(X, rows), memory=MEMORY)
        found.append((model.fit(source).cluster_centers_, mixture.fit(source).covariances_))
    whole = KMeans(K, init="k-means||", random_state=1, max_iter=4).fit(X).cluster_centers_
    for centers, covariances in found:
        assert_same_bits(centers, whole)
        assert_same_bits(covariances, found[0][1])


@pytest.mark.compiled
def test_weights_come_with_the_chunks_or_by_themselves(X, rng, assert_same_bits):
    weight = rng.randint(0, 4, N).astype(np.float64)
    options = {"init": X[:K], "max_iter": 5}
    expected = KMeans(K, **options).fit(X, sample_weight=weight)
    pairs = KMeans(K, **options).fit(Source(Chunked(X, weight=weight), memory=MEMORY))
    apart = KMeans(K, **options).fit(Source(Chunked(X), memory=MEMORY), sample_weight=weight)
    for got in (pairs, apart):
        assert_same_bits(got.cluster_centers_, expected.cluster_centers_)
        assert_same_bits(got.labels_, expected.labels_)
    mixtures = [
        GaussianMixture(K, init_params=expected.labels_, max_iter=1, covariance_type="diag").fit(
            *given
        )
        for given in [(X, None, weight), (Source(Chunked(X, weight=weight), memory=MEMORY),)]
    ]
    assert_same_bits(mixtures[0].means_, mixtures[1].means_)
    with pytest.raises(ValueError, match="but not both"):
        KMeans(K).fit(Source(Chunked(X, weight=weight)), sample_weight=weight)


@pytest.mark.compiled
def test_starts_of_sources(X, assert_same_bits):
    source = Source(Chunked(X), memory=MEMORY)
    for init, same in [
        ("k-means++", "k-means||"),
        ("exact-k-means++", "k-means++"),
        ("random", "random"),
    ]:
        options = {"random_state": 2, "max_iter": 3, "n_init": 1}
        expected = KMeans(K, init=same, **options).fit(X)
        got = KMeans(K, init=init, **options).fit(source)
        assert_same_bits(got.cluster_centers_, expected.cluster_centers_, init)
    for start in ("kmeans", "k-means++", "random_from_data"):
        model = GaussianMixture(K, init_params=start, random_state=0, covariance_type="diag")
        assert np.isfinite(model.fit(source).lower_bound_)
    bayes = BayesianGaussianMixture(
        n_components=K, random_state=0, covariance_type="diag", max_iter=3
    )
    assert np.isfinite(bayes.fit(source).lower_bound_)
    assert (model.fit_predict(source) == model.predict(X)).all()


@pytest.mark.compiled
def test_small_arrays_on_disk_are_read_as_a_whole(X, kind, monkeypatch, assert_same_bits):
    model = KMeans(K, init=X[:K], max_iter=2).fit(kind("memmap"))
    assert "chunk" not in model.fit_report_.reason
    wide = np.tile(X, (4, 1))  # more than a block
    options = {"covariance_type": "diag", "random_state": 0, "max_iter": 2}
    expected = GaussianMixture(K, **options).fit(wide)
    path = kind("npy", wide)
    for given in (path, str(path), np.load(path, mmap_mode="r")):
        got = GaussianMixture(K, **options).fit(given)
        assert_same_bits(got.means_, expected.means_)
        assert_same_bits(got.predict(given), expected.predict(wide))
    monkeypatch.setattr("fastmix.sources.MEMORY", wide.nbytes - 1)
    model = KMeans(K, init=X[:K], max_iter=2).fit(path)
    assert "chunk by chunk" in model.fit_report_.reason


@pytest.mark.compiled
def test_a_source_of_few_rows_is_fitted_in_memory(X):
    model = KMeans(2, random_state=0).fit(Source([X[:5], X[5:9]]))
    assert len(model.labels_) == 9
    assert "chunk" not in model.fit_report_.reason


@pytest.mark.compiled
def test_scores_are_sums_over_blocks(X, kind, rng):
    weight = rng.randint(0, 4, N).astype(np.float64)
    weight[:20_000] = 0.0  # blocks without weight
    k_means = KMeans(K, init=X[:K], max_iter=2).fit(X)
    mixture = GaussianMixture(K, covariance_type="diag", random_state=0, max_iter=2).fit(X)
    bayes = BayesianGaussianMixture(
        n_components=K, covariance_type="diag", random_state=0, max_iter=2
    ).fit(X)
    methods = [k_means.score, mixture.score, bayes.score, mixture.bic, mixture.aic, mixture.icl]
    plain = [Source(Chunked(X), memory=MEMORY), Chunked(X), kind("npy")]
    paired = Source(Chunked(X, weight=weight), memory=MEMORY)
    for method in methods:
        for source in plain:
            assert method(source) == pytest.approx(method(X), rel=1e-12)
            expected = method(X, sample_weight=weight)
            assert method(source, sample_weight=weight) == pytest.approx(expected, rel=1e-12)
        assert method(paired) == pytest.approx(expected, rel=1e-12)
        with pytest.raises(ValueError, match="but not both"):
            method(paired, sample_weight=weight)
        with pytest.raises(ValueError, match="X has 3 features, but"):
            method(Source([X[:, :3]]))


@pytest.mark.compiled
def test_npy_files_go_wherever_arrays_go(X, kind, assert_same_bits):
    path = kind("npy")
    for make in (
        lambda: MiniBatchKMeans(K, random_state=0, max_iter=1),
        lambda: BisectingKMeans(K, random_state=0, max_iter=2),
        lambda: MiniBatchGaussianMixture(K, random_state=0, max_iter=1, covariance_type="diag"),
    ):
        expected = make().fit(X)
        got = make().fit(path)
        assert_same_bits(got.predict(path), expected.predict(X))
        assert got.score(path) == expected.score(X)


# --- results ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(X):
    return KMeans(K, init=X[:K], max_iter=2).fit(X)


@pytest.mark.compiled
def test_results_go_block_by_block(X, model, tmp_path, assert_same_bits):
    source, expected = Source(Chunked(X), memory=MEMORY), model.transform(X)
    blocks = list(apply(model.transform, source))
    assert len(blocks) > 1
    assert_same_bits(np.concatenate(blocks), expected)
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float64, (N, K))
    assert apply(model.transform, source, out=out) is out
    assert_same_bits(np.load(tmp_path / "out.npy"), expected)
    for wrong, text in [(N - 1, "source has more"), (N + 1, f"source has {N}")]:
        with pytest.raises(ValueError, match=f"out has {wrong} rows, but the {text}"):
            apply(model.predict, source, out=np.empty(wrong))


@pytest.mark.compiled
def test_zarr_arrays_are_read_and_written(X, model, tmp_path, assert_same_bits):
    zarr = pytest.importorskip("zarr")

    def array(name, shape, dtype):
        chunks = (7001, *shape[1:])
        return zarr.open_array(tmp_path / name, mode="w", shape=shape, chunks=chunks, dtype=dtype)

    rows = array("rows", X.shape, X.dtype)
    rows[:] = X
    source = Source(rows, memory=MEMORY)
    got = KMeans(K, init=X[:K]).fit(source)
    assert "chunk by chunk" in got.fit_report_.reason
    assert_same_bits(got.labels_, KMeans(K, init=X[:K]).fit(X).labels_)
    for method, dtype in (("predict", np.int32), ("transform", np.float64)):
        expected = getattr(model, method)(X)
        out = apply(getattr(model, method), source, out=array(method, expected.shape, dtype))
        assert_same_bits(out[:], expected)
    with pytest.raises(ValueError, match="out has 7 rows"):
        apply(model.predict, source, out=array("short", (7,), np.int32))


@pytest.mark.compiled
@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room cannot be reserved here")
def test_a_full_disk_is_an_error_that_ends_no_process(X, model, tmp_path, monkeypatch):
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float64, (N, K))

    def full(file, offset, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"no room for out, 1600000 bytes: No space left"):
        apply(model.transform, Source(Chunked(X), memory=MEMORY), out=out)


@pytest.mark.compiled
def test_an_error_of_out_names_the_rows(X, model):
    class Full:
        shape = (N,)

        def __setitem__(self, some, value):
            if some.start > 0:
                raise OSError(28, "No space left on device")

    with pytest.raises(
        OSError, match=r"Rows 16384 to 32767 could not be written to out: No space left"
    ):
        apply(model.predict, Source(Chunked(X), memory=MEMORY), out=Full())


# --- what is wrong -----------------------------------------------------------------------------------


def refused(data, error, match):
    """Both classes say the same, and are as they were before."""
    estimators = [
        KMeans(K, random_state=0, max_iter=4),
        GaussianMixture(K, random_state=0, max_iter=2, covariance_type="diag"),
    ]
    for estimator in estimators:
        before = dict(vars(estimator))
        with pytest.raises(error, match=match):
            estimator.fit(data() if isfunction(data) else data)
        assert vars(estimator) == before


@pytest.mark.compiled
def test_what_can_be_read_once_is_refused(X):
    refused((X[i : i + 100] for i in range(0, N, 100)), TypeError, "only once.*def __iter__")
    refused(iter([X]), TypeError, "only once")


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda i, n, c: c[:, :3] if n == 2 else c, "Chunk 2 has 3 columns, but chunk 0 has 8"),
        (lambda i, n, c: c[:, :3] if (i, n) == (4, 2) else c, "Chunk 2 has 3 columns"),
        (
            lambda i, n, c: c.astype("f4") if n == 3 else c,
            "Chunk 3 is of dtype float32, but chunk 0",
        ),
        (lambda i, n, c: c[0] if n == 3 else c, r"Chunk 3 has shape \(8,\)"),
        (lambda i, n, c: c.astype(str) if n == 1 else c, "Chunk 1 is of dtype <U32, but rows"),
        (
            lambda i, n, c: c[:-1] if (i, n) == (4, 1) else c,
            "Chunk 1 had 7001 rows .* but has 7000",
        ),
        (lambda i, n, c: None if (i, n) == (7, 5) else c, "6 chunks .* now there is no chunk 5"),
        (lambda i, n, c: c if i > 3 or n < 3 else None, "3 chunks .* now there is a chunk 3"),
        (lambda i, n, c: (c, c[:, 0], 1), "Chunk 0 is a tuple of 3"),
        (lambda i, n, c: (c, c[:5, 0]), r"Chunk 0 has 7001 rows, but weights of shape \(5,\)"),
        (
            lambda i, n, c: (c, np.ones(len(c))) if n else c,
            "Chunk 1 comes with row weights, but chunk 0",
        ),
        (
            lambda i, n, c: (c, -np.ones(len(c))),
            "Negative values in data passed to `sample_weight`",
        ),
        (
            lambda i, n, c: np.where(c == c[2, 1], np.nan, c) if n == 4 else c,
            "NaN: row 2 of chunk 4",
        ),
        (lambda i, n, c: None, "no chunks"),
        (lambda i, n, c: c[:0], "0 sample"),
        (lambda i, n, c: c[:1] if n == 0 else c[:0], "1 should be|minimum of 2|1 sample"),
    ],
)
def test_chunks_that_are_wrong_or_change_are_named(X, change, match):
    refused(spoiled(X, change), ValueError, match)


@pytest.mark.compiled
@pytest.mark.parametrize("error", [OSError, MemoryError])
def test_whatever_ends_a_pass_leaves_the_estimator_as_it_was(X, error):
    def change(i, number, chunk):
        if (i, number) == (7, 3):
            raise error("here")
        return chunk

    refused(spoiled(X, change), error, "here")


def estimators(X, **options):
    start = {"weights_init": np.full(K, 1 / K), "means_init": X[:K]}
    options = {"max_iter": 9, "tol": 0.0, "random_state": 0} | options
    return (
        KMeans(K, init=X[:K], **options),
        GaussianMixture(K, covariance_type="diag", **options, **start),
        GaussianMixture(K, covariance_type="diag", warm_start=True, **options, **start),
        BayesianGaussianMixture(n_components=K, covariance_type="diag", **options),
    )


def ending(X, error, last):
    """Rows whose pass number `last`, and all that follow, end in an error."""

    def change(i, number, chunk):
        if i >= last and number == 4:  # a pass may end early: some take a few rows only
            raise error("here")
        return chunk

    return spoiled(X, change)()


@pytest.mark.compiled
@pytest.mark.parametrize(("error", "last"), [(OSError, 2), (OSError, 6), (KeyboardInterrupt, 1)])
def test_a_fitted_estimator_stays_what_it_was(X, error, last):
    """Whatever ends a fit; Ctrl-C, as long as no iteration is finished."""
    for estimator in estimators(X):
        before = dict(vars(estimator.fit(X)))
        for fit in (estimator.fit, estimator.fit_predict):
            with pytest.raises(error, match="here"):
                fit(ending(X, error, last))
            after = vars(estimator)
            assert after.keys() == before.keys()
            assert [name for name in before if after[name] is not before[name]] == []


@pytest.mark.compiled
@pytest.mark.parametrize("fitted", [False, True])
def test_ctrl_c_leaves_the_last_iteration_that_was_finished(X, fitted, assert_same_bits):
    """Three iterations are: the fourth pass over the rows, after those of the start, is not."""
    for estimator, same in zip(estimators(X), estimators(X, max_iter=3), strict=True):
        if fitted and not getattr(estimator, "warm_start", False):
            estimator.fit(X[:100])
        passes = Chunked(X)
        same.fit(Source(passes, memory=MEMORY))
        labels = isinstance(same, KMeans)  # which take one more pass, at the end
        with pytest.raises(KeyboardInterrupt, match="here"):
            estimator.fit(ending(X, KeyboardInterrupt, passes.passes + 1 - labels))
        assert estimator.n_iter_ == 3
        assert not getattr(estimator, "converged_", False)
        assert estimator.fit_report_.seconds.passes > 0
        if isinstance(estimator, KMeans):
            assert not hasattr(estimator, "labels_")
            assert not hasattr(estimator, "cluster_sizes_")
            assert_same_bits(estimator.cluster_centers_, same.cluster_centers_)
            assert_same_bits(estimator.inertia_history_, same.inertia_history_)
        else:
            assert_same_bits(estimator.means_, same.means_)
            assert_same_bits(estimator.covariances_, same.covariances_)
        assert_same_bits(estimator.predict(X), same.predict(X))


@pytest.mark.compiled
def test_ctrl_c_leaves_the_best_run(X):
    """The first of two is finished, and the second has only begun."""
    one = KMeans(K, n_init=1, init="random", random_state=0, max_iter=5, tol=0.0)
    passes = Chunked(X)
    one.fit(Source(passes, memory=MEMORY))
    two = clone(one).set_params(n_init=2)
    with pytest.raises(KeyboardInterrupt, match="here"):
        two.fit(ending(X, KeyboardInterrupt, passes.passes + 3))
    assert len(two.init_results_) == 2
    best = next(record for record in two.init_results_ if record.best)
    assert two.inertia_ == best.inertia


@pytest.mark.compiled
def test_ctrl_c_between_two_iterations_counts_the_one_before(X, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(em, "report", interrupt)
    start = {
        "weights_init": np.ones(K) / K,
        "means_init": X[:K],
        "precisions_init": np.ones((K, D)),
    }
    options = {"covariance_type": "diag", "tol": 0.0, "verbose": 1, "verbose_interval": 3}
    mixture = GaussianMixture(K, **options, **start)
    with pytest.raises(KeyboardInterrupt):
        mixture.fit(Source(Chunked(X), memory=MEMORY))
    assert mixture.n_iter_ == len(mixture.lower_bounds_) == 3


@pytest.mark.compiled
def test_ctrl_c_in_a_start_leaves_the_estimator_as_it_was(X):
    mixture = GaussianMixture(K, covariance_type="diag", random_state=0)
    before = dict(vars(mixture))
    with pytest.raises(KeyboardInterrupt, match="here"):
        mixture.fit(ending(X, KeyboardInterrupt, 10))  # within the iterations of its k-means
    assert vars(mixture) == before


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["file", "folder", "npy"])
def test_files_that_are_cut_off_are_named(X, kind, name):
    path = Path(kind(name))
    file = max(path.iterdir()) if path.is_dir() else path
    data = file.read_bytes()
    for share in (0.0, 0.5, 0.99):
        file.write_bytes(data[: int(share * len(data))])
        refused(str(path), ValueError, f"{file.name} cannot be read")


@pytest.mark.compiled
def test_a_mapped_file_that_shrinks_is_an_error_that_ends_no_process(X, kind, tmp_path):
    mapped = kind("memmap")

    source = Source(mapped, memory=MEMORY)
    with open(tmp_path / "X.npy", "r+b") as file:
        file.truncate(N * D * 4)
    refused(source, OSError, "Rows 16384 to 32767 cannot be read: .*X.npy was cut off")


def test_paths_that_lead_nowhere(tmp_path):
    refused(str(tmp_path / "none"), FileNotFoundError, "names no file or folder")
    pytest.importorskip("pyarrow")
    refused(tmp_path, FileNotFoundError, "no .parquet files")


def test_parquet_needs_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "X.parquet").write_bytes(b"")
    refused(tmp_path / "X.parquet", ImportError, "install pyarrow")


@pytest.mark.parametrize("memory", [0, 1e9, "1 GB", None])
def test_memory_is_a_number_of_bytes(X, memory):
    with pytest.raises(ValueError, match="memory must be a number of bytes"):
        Source([X], memory=memory)


@pytest.mark.parametrize("data", [np.zeros((3, 2)), 7, None])
def test_what_is_no_source_is_refused(data):
    with pytest.raises(TypeError, match="A source has to be"):
        Source(data)


@pytest.mark.compiled
def test_what_needs_all_rows_says_so(X, kind):
    source = Source(Chunked(X), memory=MEMORY)
    for options, match in [
        ({"init_params": "random"}, "init_params='random' needs all rows in memory"),
        ({"init_params": "kmeans-whitened"}, "'kmeans-whitened' needs"),
        ({"init_params": np.full((N, K), 1 / K)}, "responsibilities needs"),
        ({"init_params": lambda X, **_: None}, "a callable needs"),
        ({"on_collapse": "reseed"}, "'reseed' draws from all rows"),
    ]:
        with pytest.raises(ValueError, match=match):
            GaussianMixture(K, **options).fit(source)
    with pytest.raises(ValueError, match="init is a callable"):
        KMeans(K, init=lambda X, k, random_state: X[:k]).fit(source)
    for given, what in (
        (source, "a Source"),
        (Chunked(X), "a Chunked"),
        (kind("file"), "the path"),
    ):
        match = f"needs all rows in memory here, but X is {what}"
        for make in (MiniBatchKMeans, BisectingKMeans, MiniBatchGaussianMixture):
            with pytest.raises(TypeError, match=f"{make.__name__} {match}"):
                make(K).fit(given)
        for function in (fastmix.select_gmm, fastmix.select_kmeans):
            with pytest.raises(TypeError, match=match):
                function(given)
        with pytest.raises(
            TypeError, match=f"X must be rows in memory to be drawn, got .*{what[-6:]}"
        ):
            plot_kmeans(KMeans(K), given)


def test_files_of_other_kinds_are_told(tmp_path):
    path = tmp_path / "wine.csv"
    path.write_text("alcohol,ash\n13.1,2.4\n")
    for given in (path, str(path)):
        match = (
            r"'wine.csv', which is not read. .*.npy file.*folder.*pandas.read_csv\('.*wine.csv'\)"
        )
        refused(given, ValueError, match)
        with pytest.raises(ValueError, match=match):
            MiniBatchKMeans(K).fit(given)
    with pytest.raises(FileNotFoundError, match="names no file or folder"):
        MiniBatchKMeans(K).fit("nowhere.npy")
    pytest.importorskip("pyarrow")
    refused(tmp_path, FileNotFoundError, "no .parquet files in .*A path has to lead to")


@pytest.mark.compiled
def test_features_are_those_of_the_fit(X, model):
    with pytest.raises(ValueError, match="X has 3 features, but KMeans is expecting 8"):
        model.predict(Source([X[:, :3]]))


def test_lists_stay_array_like():
    assert len(KMeans(2, random_state=0).fit([[0.0], [1.0], [5.0]]).labels_) == 3
    assert fastmix.sources.is_source([[1.0]]) is False
