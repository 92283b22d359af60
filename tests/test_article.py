"""The article this library answers to, retold: five blobs, two models, circles, ellipses, stretched data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from fastmix import GaussianMixture, KMeans

plt = pytest.importorskip("matplotlib.pyplot")
patches = pytest.importorskip("matplotlib.patches")


@pytest.fixture(scope="module")
def five():
    return make_blobs(n_samples=500, centers=5, cluster_std=0.9, random_state=17)


@pytest.fixture(scope="module")
def stretched():
    X, truth = make_blobs(n_samples=400, centers=4, cluster_std=0.60, random_state=0)
    return X[:, ::-1] @ np.random.RandomState(13).randn(2, 2), truth


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def draw_circles(axes, km, X):
    """A circle around every center, as far as its farthest row."""
    axes.scatter(*X.T, c=km.labels_)
    for c, center in enumerate(km.cluster_centers_):
        radius = np.sqrt(((X[km.labels_ == c] - center) ** 2).sum(axis=1).max())
        axes.add_patch(patches.Circle(center, radius))


def draw_ellipses(axes, gm, X):
    """Three ellipses around every mean, at one, two and three standard deviations."""
    axes.scatter(*X.T, c=gm.predict(X))
    for mean, covariance, weight in zip(gm.means_, gm.covariances_, gm.weights_, strict=True):
        variances, directions = np.linalg.eigh(covariance)
        angle = np.degrees(np.arctan2(directions[1, -1], directions[0, -1]))
        width, height = 2 * np.sqrt(variances[::-1])
        for sigmas in (1, 2, 3):
            size = (sigmas * width, sigmas * height)
            axes.add_patch(patches.Ellipse(mean, *size, angle=angle, alpha=0.2 * weight))


def test_kmeans_finds_the_five_blobs(five):
    X, truth = five
    km = KMeans(5, random_state=420)
    labels = km.fit(X).predict(X)
    assert_array_equal(labels, km.labels_)
    assert adjusted_rand_score(truth, labels) > 0.9
    assert_allclose(km.cluster_centers_, [X[labels == c].mean(axis=0) for c in range(5)], atol=1e-2)


def test_a_mixture_finds_the_five_blobs_and_its_doubts(five):
    X, truth = five
    gm = GaussianMixture(n_components=5, random_state=420).fit(X)
    assert adjusted_rand_score(truth, gm.predict(X)) > 0.9
    proba = gm.predict_proba(X)
    assert proba.shape == (500, 5)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert proba.min() >= 0
    doubtful = proba.max(axis=1) < 0.9  # where two blobs touch
    assert 0 < doubtful.sum() < 50


def test_the_article_seeds_nothing_and_still_gets_probabilities(five):
    X, _ = five
    proba = GaussianMixture(n_components=5).fit(X).predict_proba(X)
    assert proba.shape == (500, 5)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)


def test_circles_hold_all_rows_of_their_cluster(five, axes):
    X, _ = five
    km = KMeans(n_clusters=5, random_state=420).fit(X)
    draw_circles(axes, km, X)
    assert len(axes.patches) == 5
    for c, circle in enumerate(axes.patches):
        assert_allclose(circle.center, km.cluster_centers_[c])
        distance = km.transform(X[km.labels_ == c])[:, c]
        assert distance.max() == pytest.approx(circle.radius, rel=1e-12)
    axes.figure.canvas.draw()


def test_ellipses_have_the_area_of_their_covariance(five, axes):
    X, _ = five
    gm = GaussianMixture(n_components=5, random_state=420).fit(X)
    draw_ellipses(axes, gm, X)
    assert len(axes.patches) == 15
    for i, ellipse in enumerate(axes.patches):
        determinant = np.linalg.det(gm.covariances_[i // 3])
        area = (i % 3 + 1) ** 2 * 4 * np.sqrt(determinant)
        assert ellipse.width * ellipse.height == pytest.approx(area, rel=1e-9)
    axes.figure.canvas.draw()


def test_a_mixture_sees_stretched_blobs_where_kmeans_cuts_them(stretched):
    X, truth = stretched
    by_distance = KMeans(n_clusters=4, random_state=0).fit_predict(X)
    gm = GaussianMixture(n_components=4, covariance_type="full", random_state=42)
    by_shape = gm.fit_predict(X)
    assert adjusted_rand_score(truth, by_shape) > 0.95
    assert adjusted_rand_score(truth, by_distance) < 0.9
    assert_array_equal(gm.predict(X), by_shape)
