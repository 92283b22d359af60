"""Every layout, container and copy that must agree to the last bit."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from fastmix import KMeans

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
    names = getattr(StandardScaler().fit(frame), "feature_names_in_", None)
    if names is not None:  # older scikit-learn does not know newer polars
        assert_array_equal(got.pop("feature_names_in_"), names)
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
