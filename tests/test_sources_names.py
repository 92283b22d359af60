"""Names of columns travel with a source: what has other names, or another order of them, is told or put in order."""

import numpy as np
import pytest
from sklearn.datasets import load_wine

from fastmix import BisectingKMeans, GaussianMixture, KMeans, MiniBatchKMeans
from fastmix.sources import Source, apply

pd = pytest.importorskip("pandas")
pytestmark = [
    pytest.mark.compiled,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
WINE = load_wine(as_frame=True).data
REVERSED = WINE[WINE.columns[::-1]]
ORDER = "must be in the same order"


class Frames:
    """Chunks, as often as they are asked for."""

    def __init__(self, *chunks):
        self.chunks = chunks

    def __iter__(self):
        return iter(self.chunks)


def polars(frame):
    return pytest.importorskip("polars").from_dict({name: frame[name].to_numpy() for name in frame})


def table(frame):
    return pytest.importorskip("pyarrow").Table.from_pandas(frame, preserve_index=False)


def batch(frame):
    return table(frame).to_batches()[0]


MAKERS = [lambda frame: frame, polars, table, batch]


@pytest.fixture
def folder(tmp_path):
    """Maker of a folder of Parquet files, from frames."""
    pytest.importorskip("pyarrow")

    def make(*frames):
        for i, frame in enumerate(frames):
            frame.to_parquet(tmp_path / f"part-{i}.parquet", index=False)
        return tmp_path

    return make


def k_means():
    return KMeans(3, init=WINE.to_numpy()[[0, 70, 150]])


def test_later_files_are_read_by_name(folder, assert_same_bits):
    expected = k_means().fit(WINE)
    got = k_means().fit(folder(WINE[:60], REVERSED[60:]))
    assert_same_bits(got.labels_, expected.labels_)
    assert_same_bits(got.cluster_centers_, expected.cluster_centers_)
    assert list(got.feature_names_in_) == list(WINE.columns)
    assert_same_bits(got.predict(WINE), expected.labels_)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda frame: frame.drop(columns="ash"), "without 'ash'"),
        (lambda frame: frame.assign(age=1.0), "with 'age'"),
        (lambda frame: frame.rename(columns={"ash": "age"}), "without 'ash' and with 'age'"),
    ],
)
def test_files_and_chunks_with_other_columns_are_named(folder, change, match):
    match_file = f"part-1.parquet has other columns than part-0.parquet: {match}"
    with pytest.raises(ValueError, match=match_file):
        k_means().fit(folder(WINE[:60], change(WINE[60:])))
    for make in MAKERS:
        with pytest.raises(ValueError, match=f"Chunk 1 has .* chunk 0.*: {match}"):
            k_means().fit(Frames(make(WINE[:60]), make(change(WINE[60:]))))


@pytest.mark.parametrize("make", MAKERS)
def test_chunks_in_another_order_are_refused(make, assert_same_bits):
    chunks = Frames(make(WINE[:60]), make(REVERSED[60:]))
    with pytest.raises(ValueError, match=r"Chunk 1 has other column names than chunk 0: \['prol"):
        k_means().fit(chunks)
    got = k_means().fit(Frames(make(WINE[:60]), make(WINE[60:])))
    assert list(got.feature_names_in_) == list(WINE.columns)
    with pytest.raises(ValueError, match=ORDER):
        got.predict(REVERSED)
    with pytest.raises(ValueError, match=ORDER):
        k_means().fit(WINE).predict(Frames(make(REVERSED)))
    weighted = k_means().fit(Frames((make(WINE), np.ones(len(WINE)))))
    assert list(weighted.feature_names_in_) == list(WINE.columns)


def test_frames_and_arrays_do_not_mix():
    for chunks in ((WINE, WINE.to_numpy()), (WINE.to_numpy(), WINE)):
        with pytest.raises(ValueError, match="Chunk 1 has other column names than chunk 0: "):
            k_means().fit(Frames(*chunks))
    numbered = WINE.set_axis(range(13), axis=1)
    assert not hasattr(k_means().fit(Frames(numbered)), "feature_names_in_")
    with pytest.raises(TypeError, match="only supported if all input features have string names"):
        k_means().fit(Frames(WINE.rename(columns={"ash": 0})))


@pytest.mark.parametrize("cls", [KMeans, GaussianMixture, MiniBatchKMeans, BisectingKMeans])
def test_predictions_of_a_path_check_names_as_those_of_a_frame(folder, cls):
    options = {"covariance_type": "diag"} if cls is GaussianMixture else {}
    model = cls(3, random_state=0, **options).fit(WINE)
    path = folder(REVERSED)
    methods = [model.predict, model.score]
    methods += [model.predict_proba, model.bic, model.icl] if options else [model.transform]
    for method in methods:
        for given in (REVERSED, path, Source(path)):
            with pytest.raises(ValueError, match=ORDER):
                method(given)
    with pytest.raises(ValueError, match=ORDER):
        apply(model.predict, path, out=np.empty(len(WINE), np.int64))
    folder(WINE.rename(columns={"ash": "age"}))
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- age\n.*yet now missing:\n- ash"):
        model.predict(path)
    folder(WINE)
    assert (model.predict(path) == model.predict(WINE)).all()
    assert (apply(model.predict, path, out=np.empty(len(WINE), np.int64)) >= 0).all()


def test_a_fit_of_a_path_knows_names(folder):
    path = folder(WINE)
    for model in (k_means(), GaussianMixture(3, covariance_type="diag", random_state=0)):
        model.fit(path)
        assert list(model.feature_names_in_) == list(WINE.columns)
        with pytest.raises(ValueError, match=ORDER):
            model.predict(REVERSED)
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            model.predict(WINE.to_numpy())
        model.fit(Source([WINE.to_numpy()]))
        assert not hasattr(model, "feature_names_in_")
        with pytest.warns(UserWarning, match="X has feature names, but"):
            model.predict(path)


def test_blocks_are_arrays_whose_features_are_checked(folder):
    (block,) = Source(folder(WINE))
    assert isinstance(block, np.ndarray)
    model = k_means().fit(WINE)
    assert (model.predict(block) == model.labels_).all()
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(block[:, ::-1])  # whose names nobody knows
    assert type(model.transform(block)) is np.ndarray


def test_the_index_of_a_frame_is_no_feature(tmp_path, assert_same_bits):
    pytest.importorskip("pyarrow")
    some = WINE[WINE.ash > 2.0]
    some.to_parquet(tmp_path / "some.parquet")  # with its index, which is no range
    model = k_means().fit(tmp_path / "some.parquet")
    assert list(model.feature_names_in_) == list(WINE.columns)
    assert_same_bits(model.labels_, k_means().fit(some).labels_)
