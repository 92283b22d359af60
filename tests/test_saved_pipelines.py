"""Models behind a standardisation as files: they take rows as they are, and forged ones are refused."""

import json
import re
import zipfile

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import fastmix
from fastmix import GaussianMixture, KMeans, save
from fastmix.saving import LoadError, archive


@pytest.fixture
def X(rng, dtype):
    """Two clusters, told apart by a feature of small numbers; the last feature is constant."""
    rows = rng.normal(size=(60, 3)) * [1.0, 1000.0, 0.0] + [0.0, 5000.0, 7.0]
    rows[::2, 0] += 10.0
    return rows.astype(dtype)


@pytest.mark.parametrize(
    "estimator", [KMeans(2, random_state=0), GaussianMixture(2, random_state=0)]
)
def test_a_pipeline_comes_back_and_takes_rows_as_they_are(X, estimator, tmp_path, assert_same_bits):
    model = make_pipeline(StandardScaler(), estimator).fit(X)
    save(model, tmp_path / "model")
    again = fastmix.load(tmp_path / "model")
    assert isinstance(again, Pipeline)
    assert_same_bits(again.predict(X), model.predict(X))
    assert_same_bits(again[0].inverse_transform(X), model[0].inverse_transform(X))
    assert_same_bits(again[0].var_, model[0].var_)
    assert again.n_features_in_ == 3
    alone = KMeans(2, random_state=0).fit(X)
    assert len(set(zip(alone.labels_, again.predict(X), strict=True))) > 2  # it matters
    save(again, tmp_path / "more")
    assert (tmp_path / "more").read_bytes() == (tmp_path / "model").read_bytes()
    refitted = again.fit(X)
    assert_same_bits(refitted.predict(X), model.predict(X))


def test_names_of_features_come_back(X, tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    save(make_pipeline(StandardScaler(), KMeans(2)).fit(frame), tmp_path / "model")
    again = fastmix.load(tmp_path / "model")
    assert again.feature_names_in_.tolist() == ["a", "b", "c"]
    again.predict(frame)


def test_save_takes_estimators_as_their_method_does(X, tmp_path):
    model = KMeans(2, random_state=0).fit(X)
    save(model, tmp_path / "one")
    model.save(tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            make_pipeline(MinMaxScaler(), KMeans(2)),
            "Pipeline cannot be saved: it is made of MinMaxScaler, KMeans, but files hold an estimator of "
            "fastmix, or a Pipeline of a StandardScaler and one.",
        ),
        (make_pipeline(StandardScaler(), PCA(2), KMeans(2)), "of StandardScaler, PCA, KMeans, but"),
        (make_pipeline(StandardScaler(with_std=False), KMeans(2)), "leaves means or scales"),
        (make_pipeline(StandardScaler(), PCA(2)), "PCA cannot be saved: it is of a class 'PCA'"),
    ],
)
def test_other_pipelines_are_refused(X, model, message, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        save(model.fit(X), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_scaler_that_is_not_fitted_is_refused(tmp_path):
    with pytest.raises(ValueError, match="its StandardScaler is not fitted"):
        save(make_pipeline(StandardScaler(), KMeans(2)), tmp_path / "model")


def halved(header, arrays):
    arrays["scaler.mean"] = arrays["scaler.mean"][:2]


def still(header, arrays):
    arrays["scaler.scale"][1] = 0.0


def missing(header, arrays):
    del header["scaler"]["scale"]


def infinite(header, arrays):
    arrays["scaler.mean"][0] = np.inf


def nothing(header, arrays):
    header["scaler"] = None


def left(header, arrays):
    del header["scaler"]


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (halved, r"scaler.mean has the shape \(2,\), not \(d,\), where d is 3"),
        (still, "scaler does not fit together: a scale is not above 0"),
        (missing, "scaler lacks scale"),
        (infinite, "scaler.mean has values that are not finite"),
        (nothing, "scaler is None, not made of"),
        (left, "it has scaler.mean, scaler.scale, scaler.var, which belongs to nothing"),
    ],
)
def test_forged_scalers_are_refused(forge, message, tmp_path):
    path, rows = tmp_path / "model", np.random.RandomState(0).normal(size=(20, 3))
    save(make_pipeline(StandardScaler(), KMeans(2)).fit(rows), path)
    with zipfile.ZipFile(path) as file:
        header = json.loads(file.read(archive.HEADER))
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != archive.HEADER}
    forge(header, arrays)
    archive.write(path, json.dumps(header).encode(), arrays)
    with pytest.raises(LoadError, match=message):
        fastmix.load(path)
