"""Files that are loaded: those of earlier releases, damaged ones, and those of a stranger with bad intentions."""

import copy
import io
import json
import os
import pickle
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import keep_models
import numpy as np
import pytest
from numpy.lib import format as npy
from numpy.testing import assert_allclose, assert_array_equal

import fastmix
from fastmix import BisectingKMeans, GaussianMixture, KMeans, MiniBatchKMeans
from fastmix.saving import LoadError, archive
from fastmix.saving.headers import CLASSES

VERSIONS = sorted(path.name for path in keep_models.HERE.iterdir())
KEPT = sorted(keep_models.HERE.glob("*/*.fastmix"))
NOW = [path for path in KEPT if path.parent.name == fastmix.__version__]
LITTLE = 1 << 21  # bytes that reading a small file may take
of_kept = pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
of_now = pytest.mark.parametrize("path", NOW, ids=lambda path: path.stem)


# --- earlier releases ----------------------------------------------------------------------------


@of_kept
def test_a_model_of_a_release_answers_as_it_did(path):
    kept = json.loads((path.parent / "answers.json").read_text("utf-8"))[path.stem]
    model = fastmix.load(path)
    assert type(model).__name__ == path.stem
    got = keep_models.answers(model, keep_models.new_rows())
    assert got.keys() == kept.keys()
    assert got.pop("predict") == kept.pop("predict")
    rtol = 1e-5 if path.stem == "BisectingKMeans" else 1e-9  # of float32 rows
    for name, expected in kept.items():
        assert_allclose(got[name], expected, rtol=rtol, atol=1e-12)


@of_kept
def test_a_model_of_a_release_can_be_fitted_further(path, tmp_path):
    model, X = fastmix.load(path), keep_models.rows()
    if hasattr(model, "partial_fit"):
        steps = model.n_steps_
        assert model.partial_fit(X).n_steps_ == steps + 1
    if hasattr(model, "warm_start"):
        assert model.set_params(warm_start=True).fit(X).n_iter_ >= 1
    assert_array_equal(model.fit_predict(X), model.predict(X))
    model.save(tmp_path / "again")
    assert_array_equal(fastmix.load(tmp_path / "again").predict(X), model.predict(X))


def test_every_class_of_this_version_is_kept():
    assert fastmix.__version__ in VERSIONS, "run tests/keep_models.py: see CONTRIBUTING.md"
    assert [path.stem for path in NOW] == sorted(CLASSES)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Files that are forged need not last."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


# --- forgeries -----------------------------------------------------------------------------------


class Parts:
    """A file, taken apart to be forged."""

    def __init__(self, path):
        with zipfile.ZipFile(path) as file:
            self.header = json.loads(file.read(archive.HEADER))
            self.arrays = {
                name.removesuffix(".npy"): np.load(io.BytesIO(file.read(name)))
                for name in file.namelist()
                if name.endswith(".npy")
            }

    def write(self, path):
        path.unlink(missing_ok=True)  # some file systems wait for the disk where a file is replaced
        archive.write(path, json.dumps(self.header).encode(), self.arrays)
        return path


@pytest.fixture(scope="module")
def kmeans(tmp_path_factory):
    """A file of a fitted KMeans."""
    path = tmp_path_factory.mktemp("saved") / "kmeans"
    KMeans(2, init=np.array([[0.0], [9.0]])).fit([[0.0], [1.0], [9.0]]).save(path)
    return path


@pytest.fixture
def forged(kmeans, tmp_path):
    """Maker of a file that differs from a good one by what a function does to its parts."""

    def make(forge, path=kmeans):
        parts = Parts(path)
        forge(parts)
        return parts.write(tmp_path / "forged")

    return make


def refused(path, match=None):
    """A LoadError that names the file, without much memory on the way."""
    tracemalloc.start()
    try:
        with pytest.raises(LoadError, match=match) as caught:
            fastmix.load(path)
        assert tracemalloc.get_traced_memory()[1] < LITTLE
    finally:
        tracemalloc.stop()
    assert repr(str(path)) in str(caught.value)


def survives(model, X):
    """Every method gives something or raises an ordinary error: a crash would end the tests."""
    for name in ("predict", "transform", "score", "predict_proba", "score_samples", "partial_fit"):
        for n in (2, 40):
            method = getattr(copy.deepcopy(model), name, None)
            if method is not None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        method(X[:n])
                    except (ValueError, ArithmeticError, AttributeError):
                        continue
    return True


def test_a_file_that_is_as_it_was_is_loaded(forged):
    assert_array_equal(fastmix.load(forged(lambda parts: None)).labels_, [0, 0, 1])


@of_now
def test_a_file_of_the_other_byte_order_is_loaded(path, tmp_path, assert_same_bits):
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "swapped", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith(".npy"):
                array, other = np.load(io.BytesIO(data)), io.BytesIO()
                np.save(other, array.astype(array.dtype.newbyteorder("S")))
                data = other.getvalue()
            new.writestr(name, data)
    swapped, usual = fastmix.load(tmp_path / "swapped"), fastmix.load(path)
    assert_same_bits(vars(swapped), vars(usual))


def test_a_file_that_was_cut_off_is_refused(kmeans, tmp_path):
    whole, cut = kmeans.read_bytes(), tmp_path / "cut"
    cut.write_bytes(whole)
    for length in [len(whole) - 1, *range(len(whole) - 2, 0, -37), 0]:
        os.truncate(cut, length)
        refused(cut)


def test_a_file_with_a_damaged_byte_is_refused_or_as_good_as_new(
    kmeans, tmp_path, assert_same_bits
):
    whole, damaged = kmeans.read_bytes(), tmp_path / "damaged"
    expected, n_refused = vars(fastmix.load(kmeans)), 0
    damaged.write_bytes(whole)
    for place in range(0, len(whole), 5):
        with open(damaged, "r+b") as file:
            file.seek(place)
            file.write(bytes([whole[place] ^ (1 << place % 8)]))
        try:
            found = vars(fastmix.load(damaged))
        except LoadError:
            n_refused += 1
        else:
            assert_same_bits(found, expected)
        with open(damaged, "r+b") as file:
            file.seek(place)
            file.write(whole[place : place + 1])
    assert n_refused > 0.7 * len(whole) / 5


def npz():
    file = io.BytesIO()
    np.savez(file, cluster_centers_=np.eye(2))
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", b"\x89PNG\r\n\x1a\n" + bytes(99), pickle.dumps(KMeans()), npz()],
    ids=["empty", "text", "picture", "pickle", "npz"],
)
def test_a_file_of_something_else_is_refused(content, tmp_path):
    path = tmp_path / "else"
    path.write_bytes(content)
    refused(path, "cannot be loaded.*damaged, or was not written by")


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        fastmix.load(tmp_path / "nothing")
    with pytest.raises(OSError, match=r"directory|denied"):
        fastmix.load(tmp_path)


def header(name, value):
    def forge(parts):
        parts.header[name] = value

    return forge


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (header("format", "other model"), "no model of fastmix"),
        (header("format_version", 2), "is of format 2, written by fastmix '.*which reads formats"),
        (header("format_version", 0), "is of format 0"),
        (header("format_version", True), "is of format True"),
        (header("class", "Pipeline"), "of a class 'Pipeline', not of BayesianGaussianMixture, "),
        (header("class", "load"), "of a class 'load'"),
        (header("class", ["KMeans"]), "of a class"),
        (header("class", None), "of a class None"),
        (header("class", "MiniBatchKMeans"), "MiniBatchKMeans has no"),
        (header("class", "GaussianMixture"), "GaussianMixture has no"),
        (header("parameters", []), "it has no parameters"),
        (header("fitted", None), "it has no fitted"),
        (header("parameters", {"power": 9}), "KMeans has no power"),
        (header("parameters", {"__class__": "x"}), "KMeans has no __class__"),
        (header("parameters", {"algorithm": "fast"}), "parameter algorithm of KMeans cannot be"),
        (header("parameters", {"n_threads": 0}), "parameter n_threads of KMeans cannot be 0"),
        (header("fitted", {"predict": "x"}), "KMeans has no predict"),
        (header("fitted", {"n_iter_": 3}), "cluster_centers_ is missing"),
    ],
)
def test_a_header_that_is_not_ours_is_refused(forged, forge, message):
    refused(forged(forge), message)


def fitted(name, value):
    def forge(parts):
        parts.header["fitted"][name] = value

    return forge


def without(name):
    def forge(parts):
        del parts.header["fitted"][name]

    return forge


def array(name, change):
    def forge(parts):
        parts.arrays[name] = change(parts.arrays[name])

    return forge


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (array("labels_", lambda a: a + 5), "labels_ has values that are not below 2"),
        (array("labels_", lambda a: a - 1), "labels_ has values below 0"),
        (array("labels_", lambda a: a.astype(np.int64)), "labels_ is an array of int64"),
        (array("labels_", lambda a: a[None]), r"labels_ has the shape \(1, 3\), not \(n,\)"),
        (array("cluster_centers_", lambda a: a[:1]), "_n_features_out is 2, but k is 1"),
        (array("cluster_centers_", lambda a: np.hstack([a, a])), "n_features_in_ is 1, but d is"),
        (array("cluster_centers_", lambda a: a * np.nan), "cluster_centers_ has values that are"),
        (array("cluster_centers_", lambda a: a.astype(complex)), "is an array of complex128"),
        (array("_frame_centers", lambda a: a[:, :0]), "_frame_centers has the shape"),
        (array("_frame.origin", lambda a: np.zeros(7)), "_frame.origin has the shape"),
        (array("cluster_sizes_", lambda a: -a), "cluster_sizes_ has values below 0"),
        (without("_frame_centers"), "_frame_centers is missing"),
        (without("labels_"), "it has labels_, which belongs to nothing"),
        (fitted("_frame", {"origin": 3}), "_frame lacks exponent"),
        (fitted("_frame", {"origin": 3, "exponent": 1, "more": 1}), "_frame is .* not made of"),
        (fitted("labels_", {"array": "cluster_sizes_"}), "not the array of this name"),
        (fitted("n_iter_", -1), "n_iter_ is -1, not a whole number"),
        (fitted("n_iter_", True), "n_iter_ is True"),
        (fitted("inertia_", "much"), "inertia_ is 'much', not a float"),
        (fitted("init_results_", [{}]), "init_results_.0 lacks"),
        (fitted("init_results_", {"a": 1}), "init_results_ is .*, not a list"),
        (fitted("feature_names_in_", ["a", "b"]), r"feature_names_in_ has the shape \(2,\)"),
        (fitted("feature_names_in_", [3]), "feature_names_in_.0 is 3, not text"),
        (fitted("_sklearn_output_config", {"transform": "csv"}), "not one of default"),
        (lambda parts: parts.arrays.pop("labels_"), "the array of labels_ is missing"),
        (lambda parts: parts.arrays.update(more=np.eye(2)), "it has more, which belongs to"),
    ],
)
def test_fitted_attributes_that_do_not_fit_are_refused(forged, forge, message):
    refused(forged(forge), message)


def model_path(name):
    return next(path for path in NOW if path.stem == name)


@pytest.mark.parametrize(
    ("name", "forge", "message"),
    [
        ("MiniBatchKMeans", ("_random_state", "pos", 625), "_random_state.pos is 625"),
        ("MiniBatchKMeans", ("_random_state", "pos", -1), "_random_state.pos is -1"),
        ("MiniBatchKMeans", ("_centers", "batch_size", 0), "_centers.batch_size is 0"),
        ("BisectingKMeans", ("_tree", "n_leaves", 4), "_tree.n_leaves is 4, but k is 5"),
        ("GaussianMixture", ("_frame", "exponent", 10**9), "_frame.exponent is 1000000000"),
    ],
)
def test_parts_of_attributes_that_do_not_fit_are_refused(forged, name, forge, message):
    attribute, part, value = forge

    def change(parts):
        parts.header["fitted"][attribute][part] = value

    refused(forged(change, model_path(name)), message)


@pytest.mark.parametrize(
    "split",
    ["000000000", "111111111", "100000000", "110000000", "000001111", "111100001"],
)
def test_a_tree_that_is_none_is_refused(forged, split):
    nodes = np.array([each == "1" for each in split])
    change = array("_tree.split", lambda a: nodes)
    refused(forged(change, model_path("BisectingKMeans")), "_tree does not fit together")


def test_a_mixture_of_another_covariance_type_is_refused(forged):
    path = model_path("GaussianMixture")
    refused(forged(fitted("_fitted_type", "diag"), path), r"covariances_ has the shape \(3, 2, 2\)")
    refused(forged(fitted("_fitted_type", "round"), path), "_fitted_type is 'round', not one of")


# --- bombs ---------------------------------------------------------------------------------------


def members(path, compression=zipfile.ZIP_STORED, **contents):
    """A zip file of these members beside those of a good one."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return path


def declared(shape, dtype="<f8", data=b""):
    """An array that says what it is, but has other bytes."""
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + data


def test_a_compressed_bomb_is_refused(tmp_path):
    zeros = b'{"a": "' + bytes(30 << 20) + b'"}'
    path = members(tmp_path / "bomb", zipfile.ZIP_DEFLATED, **{archive.HEADER: zeros})
    assert path.stat().st_size < 100_000
    del zeros
    refused(path, "a part of it is compressed")


def test_a_header_beyond_measure_is_refused(tmp_path):
    big = members(tmp_path / "big", **{archive.HEADER: b" " * (archive.MOST_HEADER_BYTES + 1)})
    refused(big, "header.json is larger than")


def test_a_header_of_a_thousand_levels_is_refused(tmp_path):
    deep = b"[" * 100_000
    refused(members(tmp_path / "deep", **{archive.HEADER: deep}))


@pytest.mark.parametrize(
    "data",
    [
        declared((10**13, 1)),
        declared((2**62, 2**62, 2**62)),
        declared((-1, 1), data=bytes(8)),
        declared((2, 1), data=bytes(15)),
        declared((2, 1), data=bytes(17)),
        declared((0, 10**18)),
        declared((2, 1), "|O", bytes(16)),
        declared((2, 1), [("a", "<f8")], bytes(16)),
        declared((2, 1), "<M8[s]", bytes(16)),
        declared((2, 1), "<U2", bytes(16)),
        declared((2, 1), "|V8", bytes(16)),
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"\x93NUMPY\x03\x00\xff\xff\xff\xff{",
    ],
    ids=lambda data: repr(data[10:70]),
)
def test_an_array_that_is_not_what_it_declares_is_refused(kmeans, tmp_path, data):
    with zipfile.ZipFile(kmeans) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    contents["cluster_centers_.npy"] = data
    refused(members(tmp_path / "forged", **contents))


def test_a_pickle_in_an_array_is_not_run(kmeans, tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    file = io.BytesIO()
    np.save(file, np.array([[Trap()], [Trap()]], object), allow_pickle=True)
    with zipfile.ZipFile(kmeans) as good:
        contents = {name: good.read(name) for name in good.namelist()}
    contents["cluster_centers_.npy"] = file.getvalue()
    refused(members(tmp_path / "forged", **contents))
    assert not (tmp_path / "sprung").exists()


def test_two_parts_of_one_name_are_refused(kmeans, tmp_path):
    path = tmp_path / "twice"
    path.write_bytes(kmeans.read_bytes())
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("labels_.npy", b"x")
    refused(path, "two of its parts have the same name")


def test_a_directory_that_declares_more_than_the_file_has_is_refused(kmeans, tmp_path):
    data = bytearray(kmeans.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 20 : entry + 28] = b"\xf0\xff\xff\xff" * 2
    path = tmp_path / "more"
    path.write_bytes(data)
    refused(path, "declares more bytes than it has")


# --- whatever else ---------------------------------------------------------------------------------

NASTY = [None, True, -1, 0, 10**30, 1.5, "inf", "x", [], {}, [[]], {"array": "labels_"}]


def leaves(tree, path=()):
    """Where the values of nested objects and lists are."""
    yield path
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from leaves(value, (*path, key))


def put(tree, path, value):
    for key in path[:-1]:
        tree = tree[key]
    tree[path[-1]] = value


@of_now
def test_any_value_of_a_header_may_be_forged(path, tmp_path):
    good, X = Parts(path), keep_models.rows(40)
    places = [place for place in leaves(good.header) if place and place[-1] not in range(1, 10**6)]
    random, n_refused = np.random.RandomState(0), 0
    for place in places:
        for value in random.permutation(np.array(NASTY, object))[:3]:
            parts = copy.deepcopy(good)
            put(parts.header, place, value)
            try:
                model = fastmix.load(parts.write(tmp_path / "forged"))
            except LoadError:
                n_refused += 1
            else:
                assert survives(model, X), (place, value)
    assert n_refused > len(places)


CHANGES = [
    lambda a: a[:-1],
    lambda a: a[..., None],
    lambda a: a.astype(np.int8),
    lambda a: np.full_like(a, np.nan if a.dtype.kind == "f" else 1),
    lambda a: np.full_like(a, np.finfo(a.dtype).max if a.dtype.kind == "f" else 0),
    lambda a: np.zeros_like(a),
    lambda a: -a if a.dtype.kind in "if" else ~a,
]


@of_now
def test_any_array_may_be_forged(path, tmp_path):
    good, X = Parts(path), keep_models.rows(40)
    n_refused = 0
    for name in good.arrays:
        for change in CHANGES:
            parts = copy.copy(good)
            parts.arrays = {**good.arrays, name: change(np.atleast_1d(good.arrays[name]))}
            try:
                model = fastmix.load(parts.write(tmp_path / "forged"))
            except LoadError:
                n_refused += 1
            else:
                assert survives(model, X), name
    assert n_refused > 3 * len(good.arrays)


def test_a_refused_file_leaves_nothing_behind(forged):
    before = set(vars(KMeans)), set(vars(GaussianMixture)), set(vars(MiniBatchKMeans))
    with pytest.raises(LoadError):
        fastmix.load(forged(fitted("n_iter_", -1)))
    assert before == (set(vars(KMeans)), set(vars(GaussianMixture)), set(vars(MiniBatchKMeans)))
    assert not hasattr(BisectingKMeans(), "cluster_centers_")
