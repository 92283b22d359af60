"""Every two ways that must agree: threads, refits, layouts, containers, weights, symmetries, copies."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from fastmix import GaussianMixture, KMeans


@pytest.fixture(params=["KMeans", "full", "tied", "diag", "spherical"], scope="session")
def make(request):
    """Maker of KMeans, or of a mixture of one covariance type, with three clusters and options."""

    def maker(k=3, **options):
        options = {"random_state": 0} | options
        if request.param == "KMeans":
            return KMeans(k, **options)
        return GaussianMixture(k, covariance_type=request.param, **options)

    return maker


# --- threads and refits ----------------------------------------------------------------------


@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")
def test_any_number_of_threads_gives_the_same_bits(make, blobs, dtype, assert_same_bits, fitted):
    X = blobs(n=20_000, d=4, k=5, gap=2.0, dtype=dtype).X
    one = make(5, n_threads=1, max_iter=15).fit(X)
    labels = one.predict(X)
    for n_threads in (2, 3, 7, None):
        many = make(5, n_threads=n_threads, max_iter=15).fit(X)
        assert_same_bits(fitted(many), fitted(one), f"n_threads={n_threads}")
        assert_same_bits(many.predict(X), labels, f"labels of n_threads={n_threads}")
        assert many.score(X) == one.score(X)
    one.set_params(n_threads=7)
    assert_same_bits(one.predict(X), labels, "labels after set_params")


@pytest.mark.compiled
def test_algorithms_give_the_same_bits(blobs, dtype, assert_same_fit):
    X = blobs(n=5_000, d=3, k=6, gap=2.0, dtype=dtype).X
    lloyd = KMeans(6, algorithm="lloyd", random_state=0).fit(X)
    for algorithm in ("elkan", "auto"):
        assert_same_fit(KMeans(6, algorithm=algorithm, random_state=0).fit(X), lloyd)


def test_algorithms_agree_on_ties(assert_same_fit):
    side = np.arange(6.0)
    X = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    starts = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [5.0, 5.0]])
    lloyd = KMeans(4, init=starts, algorithm="lloyd").fit(X)
    assert lloyd.inertia_ == 4 * 9 * 2 * (2 / 3)
    for algorithm in ("elkan", "auto"):
        assert_same_fit(KMeans(4, init=starts, algorithm=algorithm).fit(X), lloyd)


@pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")
def test_ten_refits_give_the_same_bits(make, blobs, dtype, assert_same_bits, fitted):
    X = blobs(n=300, gap=2.0, dtype=dtype).X
    estimator = make(max_iter=4)
    first = copy.deepcopy(fitted(estimator.fit(X)))
    for _ in range(9):
        assert_same_bits(fitted(estimator.fit(X)), first)


@pytest.mark.compiled
def test_python_threads_may_fit_and_predict_together(make, blobs, assert_same_bits, fitted):
    X = blobs(n=3_000).X
    expected = make().fit(X)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: make().fit(X), range(4)):
            assert_same_bits(fitted(got), fitted(expected))
        for labels in pool.map(lambda _: expected.predict(X), range(8)):
            assert_same_bits(labels, expected.predict(X))


@pytest.mark.compiled
def test_the_callers_thread_mask_is_restored(make, blobs):
    numba = pytest.importorskip("numba")
    before = numba.get_num_threads()
    make(n_threads=1).fit(blobs().X).predict(blobs().X)
    assert numba.get_num_threads() == before
    with pytest.raises(ValueError, match="NaN"):
        make(n_threads=1).fit(np.full((10, 2), np.nan))
    assert numba.get_num_threads() == before


# --- ways to ask for labels ------------------------------------------------------------------


@pytest.mark.parametrize("gap", [2.0, 10.0])
@pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")
def test_labels_are_the_same_however_asked_for(make, blobs, dtype, gap):
    X = blobs(n=200, gap=gap, dtype=dtype).X
    for max_iter in (1, 2, 100):
        estimator = make(max_iter=max_iter)
        labels = estimator.fit_predict(X)
        assert_array_equal(estimator.predict(X), labels)
        assert_array_equal(make(max_iter=max_iter).fit(X).predict(X), labels)
        if isinstance(estimator, KMeans):
            assert_array_equal(estimator.labels_, labels)
            assert_array_equal(estimator.transform(X).argmin(axis=1), labels)
        else:
            assert_array_equal(estimator.predict_proba(X).argmax(axis=1), labels)


def test_rows_are_predicted_alone_as_together(make, blobs, dtype, assert_same_bits):
    X = blobs(n=70, gap=2.0, dtype=dtype).X
    estimator = make(max_iter=100).fit(X)
    together = estimator.predict(X)
    assert_same_bits(np.concatenate([estimator.predict(row[None]) for row in X]), together)
    method = estimator.transform if isinstance(estimator, KMeans) else estimator.predict_proba
    assert_same_bits(np.concatenate([method(X[:7]), method(X[7:])]), method(X))


def test_predict_never_changes_the_model(make, blobs, unchanged):
    X = blobs(n=60).X
    estimator = make().fit(X)
    with unchanged(estimator, X):
        estimator.predict(X)
        estimator.score(X)
        if isinstance(estimator, KMeans):
            estimator.transform(X)
        else:
            estimator.predict_proba(X)
            estimator.sample(5)


# --- layouts and containers ------------------------------------------------------------------

LAYOUTS = {
    "list": lambda X: X.tolist(),
    "tuple of rows": tuple,
    "Fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "negative stride": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "object": lambda X: X.astype(object),
}


def read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same_bits(make, blobs, layout, assert_same_fit, unchanged):
    X = blobs(n=90, d=3, gap=4.0).X
    estimator, given = make().fit(X), LAYOUTS[layout](X)
    other = make()
    with unchanged(given):
        other.fit(given)
    assert_same_fit(other, estimator)
    assert_array_equal(other.predict(given), estimator.predict(X))
    assert other.score(given) == estimator.score(X)


@pytest.mark.parametrize("layout", ["Fortran", "strided", "negative stride"])
def test_any_float32_layout_gives_the_same_bits(make, blobs, layout, assert_same_fit):
    X = blobs(n=90, d=3, gap=4.0, dtype="float32").X
    assert_same_fit(make().fit(LAYOUTS[layout](X)), make().fit(X))


def test_read_only_rows_and_memory_maps_give_the_same_bits(
    make, blobs, dtype, tmp_path, assert_same_fit
):
    X = blobs(n=90, d=3, gap=4.0, dtype=dtype).X
    np.save(tmp_path / "rows.npy", X)
    expected = make().fit(X)
    for given in (read_only(X), np.load(tmp_path / "rows.npy", mmap_mode="r")):
        assert_same_fit(make().fit(given), expected)
        assert_array_equal(expected.predict(given), expected.predict(X))


@pytest.mark.parametrize("copy_x", [True, False])
def test_rows_are_never_written(blobs, dtype, copy_x, unchanged, assert_same_fit):
    X = blobs(n=90, dtype=dtype).X + dtype.type(1e3)
    estimator = KMeans(3, copy_x=copy_x, random_state=0)
    with unchanged(X):
        estimator.fit(X)
    other = KMeans(3, copy_x=copy_x, random_state=0).fit(read_only(X))
    assert_same_fit(other, estimator)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_give_the_same_bits(make, blobs, library, assert_same_bits, fitted):
    frames = pytest.importorskip(library)
    X = blobs(n=90, d=3, gap=4.0).X
    frame = frames.DataFrame({name: X[:, j] for j, name in enumerate("abc")})
    expected, got = fitted(make().fit(X)), fitted(make().fit(frame))
    assert_array_equal(got.pop("feature_names_in_"), ["a", "b", "c"])
    assert_same_bits(got, expected)


def test_a_float32_frame_stays_float32(make, blobs, assert_same_bits, fitted):
    pandas = pytest.importorskip("pandas")
    X = blobs(n=90, d=3, gap=4.0, dtype="float32").X
    got = fitted(make().fit(pandas.DataFrame(X, columns=list("abc"))))
    del got["feature_names_in_"]
    assert_same_bits(got, fitted(make().fit(X)))


def test_a_frame_of_mixed_dtypes_is_float64(make, blobs, assert_same_bits, fitted):
    pandas = pytest.importorskip("pandas")
    X = blobs(n=90, d=3, gap=4.0).X.round()
    kinds = {"a": "float32", "b": "int64", "c": "float64"}
    frame = pandas.DataFrame(X, columns=list("abc")).astype(kinds)
    got = fitted(make().fit(frame))
    del got["feature_names_in_"]
    assert_same_bits(got, fitted(make().fit(X)))


def test_integer_column_names_are_no_feature_names(make, blobs):
    pandas = pytest.importorskip("pandas")
    assert not hasattr(make().fit(pandas.DataFrame(blobs(n=60).X)), "feature_names_in_")


# --- symmetries ------------------------------------------------------------------------------


def start_at(estimator, centers):
    """The same estimator, to start from these centers."""
    return estimator.set_params(
        **{"init" if isinstance(estimator, KMeans) else "means_init": centers}
    )


def centers_of(estimator):
    return estimator.cluster_centers_ if isinstance(estimator, KMeans) else estimator.means_


def test_permuted_rows_permute_the_labels(make, blobs, rng):
    X, _, start = blobs(n=120, d=3)
    order = rng.permutation(120)
    straight = start_at(make(), start).fit(X)
    permuted = start_at(make(), start).fit(X[order])
    assert_array_equal(permuted.predict(X), straight.predict(X))
    assert permuted.n_iter_ == straight.n_iter_
    assert_allclose(centers_of(permuted), centers_of(straight), atol=1e-10)


def test_permuted_features_permute_the_centers(make, blobs):
    X, _, start = blobs(n=120, d=3)
    order = [2, 0, 1]
    straight = start_at(make(), start).fit(X)
    permuted = start_at(make(), start[:, order]).fit(X[:, order])
    assert_array_equal(permuted.predict(X[:, order]), straight.predict(X))
    assert_allclose(centers_of(permuted), centers_of(straight)[:, order], atol=1e-10)


def test_permuted_starts_permute_the_clusters(make, blobs):
    X, _, start = blobs(n=120, d=3, k=3)
    order = np.array([2, 0, 1])
    straight = start_at(make(), start).fit(X)
    permuted = start_at(make(), start[order])
    if isinstance(permuted, KMeans):
        permuted.fit(X)
        assert_array_equal(order[permuted.labels_], straight.labels_)
        assert_allclose(centers_of(permuted), centers_of(straight)[order], atol=1e-10)
    else:  # only the means are permuted, the rest of the start is not: one well-separated optimum
        permuted.fit(X)
        found = {tuple(row) for row in centers_of(permuted).round(6)}
        assert found == {tuple(row) for row in centers_of(straight).round(6)}


def test_a_translation_moves_only_the_centers(make, blobs):
    X, _, start = blobs(n=120, d=3)
    X, start = np.round(X * 2**10) / 2**10, np.round(start * 2**10) / 2**10
    here, there = start_at(make(), start).fit(X), start_at(make(), start + 4096).fit(X + 4096)
    assert_array_equal(there.predict(X + 4096), here.predict(X))
    assert there.n_iter_ == here.n_iter_
    assert there.score(X + 4096) == pytest.approx(here.score(X), rel=1e-9)
    assert_allclose(centers_of(there) - 4096, centers_of(here), atol=1e-9)
    if not isinstance(here, KMeans):
        assert_allclose(there.covariances_, here.covariances_, atol=1e-9)
        assert_allclose(there.weights_, here.weights_, atol=1e-12)


def test_float32_is_near_float64(make, blobs):
    X, _, start = blobs(n=200, d=3, dtype="float32")
    double = start_at(make(), start.astype(np.float64)).fit(X.astype(np.float64))
    single = start_at(make(), start).fit(X)
    assert_array_equal(single.predict(X), double.predict(X.astype(np.float64)))
    assert single.n_iter_ == double.n_iter_
    assert_allclose(centers_of(single), centers_of(double), rtol=1e-5, atol=1e-5)
    assert single.score(X) == pytest.approx(double.score(X.astype(np.float64)), rel=1e-5)


def test_the_objective_never_gets_worse(make, rng):
    X = rng.normal(size=(250, 2))
    if isinstance(make(), KMeans):
        history = make(5, tol=0).fit(X).inertia_history_
        assert len(history) > 3
        assert np.diff(history).max() <= 1e-12 * history[0]
    else:
        history = make(3, max_iter=300, tol=1e-4, reg_covar=1e-12).fit(X).lower_bounds_
        assert np.diff(history).min() >= -1e-12


# --- copies ----------------------------------------------------------------------------------

COPIES = {
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.mark.parametrize("way", COPIES)
def test_copies_of_a_fitted_estimator_answer_alike(make, blobs, dtype, way, assert_same_bits):
    X = blobs(n=90, gap=3.0, dtype=dtype).X
    estimator = make(max_iter=200).fit(X)
    other = COPIES[way](estimator)
    assert_same_bits(vars(other), vars(estimator))
    assert_same_bits(other.predict(X), estimator.predict(X))
    assert other.score(X) == estimator.score(X)


@pytest.mark.filterwarnings("ignore::UserWarning:joblib")
def test_a_memory_mapped_model_predicts(make, blobs, tmp_path, assert_same_bits):
    joblib = pytest.importorskip("joblib")
    X = blobs(n=90, gap=3.0).X
    estimator = make(max_iter=200).fit(X)
    joblib.dump(estimator, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert_same_bits(mapped.predict(X), estimator.predict(X))
    assert mapped.score(X) == estimator.score(X)


def test_a_clone_is_unfitted_and_fits_to_the_same_bits(make, blobs, assert_same_fit, fitted):
    X = blobs(n=90).X
    estimator = make(n_threads=2, tol=1e-2).fit(X)
    twin = clone(estimator)
    assert twin.get_params() == estimator.get_params()
    assert fitted(twin) == {}
    assert_same_fit(twin.fit(X), estimator)
