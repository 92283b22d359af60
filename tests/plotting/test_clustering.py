"""Rows and components along other axes, as numbers."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from fastmix.plotting._clustering import MIXTURES, clustering

ROWS = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [9.0, 9.0, 9.0], [9.0, 8.0, 9.0]])
TWO = [[1.0, 2.0, 3.0], [9.0, 9.0, 9.0]]
MATRIX = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])


def test_of_some_features_a_gaussian_keeps_its_entries(mixture):
    seen = clustering(mixture(TWO, [MATRIX, np.eye(3)], weights=[0.3, 0.7]), ROWS)
    some = seen.of([2, 0])
    assert_array_equal(some.rows, ROWS[:, [2, 0]])
    assert_array_equal(some.means, [[3, 1], [9, 9]])
    assert_array_equal(some.matrices, [[[2, 0.5], [0.5, 4]], np.eye(2)])
    assert some.names == ["feature 2", "feature 0"]
    assert_array_equal(some.weights, [0.3, 0.7])
    assert_array_equal(some.labels, [0, 0, 1, 1])
    assert some.noun == "component"


def test_along_axes_a_gaussian_stays_one(mixture, rng):
    seen = clustering(mixture(TWO, [MATRIX, np.eye(3)]), ROWS)
    axes, origin = rng.normal(size=(2, 3)), np.array([1.0, 0.0, -1.0])
    moved = seen.along(axes, origin, ["u", "v"])
    sample = rng.multivariate_normal(TWO[0], MATRIX, 200_000)
    drawn = (sample - origin) @ axes.T
    assert_allclose(moved.means[0], drawn.mean(0), atol=0.05)
    assert_allclose(moved.matrices[0], np.cov(drawn.T), rtol=0.03)
    assert_array_equal(moved.rows, (ROWS - origin) @ axes.T)
    assert moved.names == ["u", "v"]


def test_clusters_have_their_share_of_the_rows(clusters):
    seen = clustering(clusters([*TWO, [50, 50, 50]]), pd.DataFrame(ROWS, columns=list("abc")))
    assert_array_equal(seen.weights, [0.5, 0.5, 0])
    assert seen.names == ["a", "b", "c"]
    assert seen.matrices is None
    assert seen.noun == "cluster"
    assert seen.of([1]).matrices is None
    assert seen.along(np.eye(3)[:2], np.zeros(3), ["x", "y"]).matrices is None


def test_only_the_features_that_are_asked_for_become_float64(clusters):
    seen = clustering(clusters(TWO), ROWS.astype(np.float32), features=[0, 2])
    assert seen.rows.dtype == np.float64
    assert_array_equal(seen.rows, ROWS[:, [0, 2]])


def test_a_picture_of_mixtures_refuses_k_means(clusters):
    with pytest.raises(
        TypeError, match=r"must have means_ once fitted, got Fixed; pass a Gaussian"
    ):
        clustering(clusters(TWO), ROWS, attributes=MIXTURES)
    with pytest.raises(
        TypeError, match=r"must have means_ or cluster_centers_ .*, got LogisticReg"
    ):
        clustering(LogisticRegression().fit(ROWS, [0, 0, 1, 1]), ROWS)
