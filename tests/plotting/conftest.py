"""What the tests of plots share: no windows, both libraries' models, and models made by hand."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from sklearn.base import BaseEstimator

matplotlib.use("Agg")
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def figures(monkeypatch):
    """Every test starts without a figure, closes its own, and fails if a window is asked for."""

    def show(*args, **kwargs):
        raise AssertionError("a plot must not show itself")

    monkeypatch.setattr(plt, "show", show)
    monkeypatch.setattr("matplotlib.figure.Figure.show", show)
    plt.close("all")  # a test of elsewhere may have left some
    yield
    plt.close("all")


@pytest.fixture(params=["scikit-learn", "fastmix"])
def library(request):
    """KMeans and GaussianMixture of either library: a plot must not tell them apart."""
    if request.param == "scikit-learn":
        from sklearn.cluster import KMeans
        from sklearn.mixture import GaussianMixture
    else:
        from fastmix import GaussianMixture, KMeans
    return SimpleNamespace(KMeans=KMeans, GaussianMixture=GaussianMixture)


class Fixed(BaseEstimator):
    """A fitted model with the attributes given: rows belong to the nearest center."""

    def __init__(self, centers, **attributes):
        self.centers = np.asarray(centers, dtype=np.float64)
        vars(self).update(attributes)

    def fit(self, X, y=None):
        raise AssertionError("a fitted model must not be fitted again")

    def predict(self, X):
        rows = np.asarray(X)[:, np.newaxis, :]
        return np.linalg.norm(rows - self.centers, axis=2).argmin(axis=1)


@pytest.fixture
def clusters():
    """Maker of a k-means model from its centers."""

    def make(centers):
        return Fixed(centers, cluster_centers_=np.asarray(centers, dtype=np.float64))

    return make


@pytest.fixture
def mixture():
    """Maker of a mixture from its means and covariances; the weights are equal unless given."""

    def make(means, covariances, covariance_type="full", weights=None):
        k = len(means)
        return Fixed(
            means,
            means_=np.asarray(means, dtype=np.float64),
            covariances_=np.asarray(covariances, dtype=np.float64),
            covariance_type=covariance_type,
            weights_=np.full(k, 1 / k) if weights is None else np.asarray(weights),
        )

    return make
