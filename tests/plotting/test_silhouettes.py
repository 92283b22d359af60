"""plot_silhouettes, seen through its numbers and through what it put on the axes."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import silhouette_samples

from fastmix import metrics
from fastmix.plotting import plot_silhouettes, silhouettes
from fastmix.plotting._geometry import every
from fastmix.plotting._style import palette

ROWS = np.array([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0], [11.0, 0.0], [4.0, 0.0]])
TWO = [[0.0, 0.0], [10.0, 0.0]]


def names(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_silhouettes_are_those_of_scikit_learn(library, blobs):
    X = blobs(n=90, gap=3.0).X
    model = library.KMeans(3, random_state=0).fit(X)
    display = plot_silhouettes(model, X)
    expected = silhouette_samples(X, model.predict(X))
    assert_allclose(display.silhouettes, expected)
    assert display.score == pytest.approx(expected.mean())
    for c in range(3):
        assert display.means[c] == pytest.approx(expected[model.labels_ == c].mean())
    assert display.kind == "exact"


def test_clusters_are_as_high_as_they_have_rows_and_sorted(clusters):
    display = plot_silhouettes(clusters(TWO), ROWS)
    (first, second) = display.clusters_
    for drawn, own in ((first, [0, 1, 4]), (second, [2, 3])):
        (x, y) = drawn.get_paths()[0].vertices.T
        assert np.ptp(y) == pytest.approx(len(own))
        assert x.max() == pytest.approx(display.silhouettes[own].max())
        heights = [x[y == level].max() for level in np.unique(y)]
        assert (np.diff(heights) <= 0).all()
    assert second.get_paths()[0].vertices[:, 1].min() > first.get_paths()[0].vertices[:, 1].max()
    assert_array_equal(first.get_facecolor()[0], palette(2)[0])
    assert display.ax_.yaxis_inverted()


def test_clusters_are_named_with_rows_and_means(clusters):
    display = plot_silhouettes(clusters(TWO), ROWS)
    assert names(display.ax_) == ["0  (3)", "1  (2)"]
    texts = [text.get_text() for text in display.ax_.texts]
    assert {f"{mean:.2f}" for mean in display.means} <= set(texts)
    assert f"mean of all {display.score:.2f}" in texts
    assert_array_equal(display.line_.get_xdata(), [display.score] * 2)


def test_a_cluster_without_rows_is_left_out(clusters):
    display = plot_silhouettes(clusters([*TWO, [99.0, 0.0]]), ROWS)
    assert len(display.clusters_) == 2
    assert np.isnan(display.means[2])


def test_many_rows_are_measured_against_centers_unless_asked_for(clusters, monkeypatch):
    monkeypatch.setattr(silhouettes, "MOST_EXACT", 4)
    display = plot_silhouettes(clusters(TWO), ROWS)
    labels = display.labels
    simplified = metrics.silhouette_samples(ROWS, labels, kind="simplified")
    assert_array_equal(display.silhouettes, simplified)
    assert display.ax_.get_xlabel() == "silhouette, simplified"
    exact = plot_silhouettes(clusters(TWO), ROWS, kind="exact")
    assert_array_equal(exact.silhouettes, metrics.silhouette_samples(ROWS, labels))
    assert exact.ax_.get_xlabel() == "silhouette"


def test_of_many_rows_the_outline_has_few_corners(clusters, rng):
    display = plot_silhouettes(clusters(TWO), 10 * rng.normal(size=(3000, 2)))
    for drawn in display.clusters_:
        assert len(drawn.get_paths()[0].vertices) < 3000


def test_many_clusters_are_only_numbered(clusters, rng):
    X = rng.normal(size=(300, 2))
    assert names(plot_silhouettes(clusters(X[:30]), X).ax_)[3] == "3"
    assert names(plot_silhouettes(clusters(X[:50]), X).ax_) == []


def test_bars_of_some_values():
    places, found = every(np.array([5.0, 3.0, 1.0]), 10)
    assert_array_equal(places, [0, 1, 1, 2, 2, 3])
    assert_array_equal(found, [5, 5, 3, 3, 1, 1])
    places, found = every(np.arange(100.0)[::-1], 5)
    assert (places[0], places[-1]) == (0, 100)
    assert (found[0], found[-1]) == (99, 0)
    assert len(places) == 10


@pytest.mark.parametrize("kind", ["fast", None])
def test_another_kind_is_refused(clusters, kind):
    with pytest.raises(
        ValueError, match=r"kind must be one of \['exact', 'simplified', 'auto'\], got"
    ):
        plot_silhouettes(clusters(TWO), ROWS, kind=kind)


def test_one_cluster_has_no_silhouettes(clusters):
    with pytest.raises(ValueError, match="Number of labels is 1"):
        plot_silhouettes(clusters(TWO[:1]), ROWS)
    assert not plt.get_fignums()
