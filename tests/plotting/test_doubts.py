"""Doubts as numbers, worked out by hand."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans

from fastmix import GaussianMixture
from fastmix.plotting._doubts import closeness, doubts, uncertainty


def test_uncertainty_is_what_is_left_to_the_other_components():
    resp = np.array([[0.5, 0.5, 0.0], [0.2, 0.7, 0.1], [1.0, 0.0, 0.0]])
    assert_allclose(uncertainty(resp), [0.5, 0.3, 0])
    assert_array_equal(resp[1], [0.2, 0.7, 0.1])  # not written to


def test_a_tiny_uncertainty_is_not_lost():
    assert_array_equal(uncertainty(np.array([[1.0, 1e-30]])), [1e-30])


def test_closeness_is_that_to_the_two_nearest_centers():
    dist = np.array([[0.0, 3.0, 9.0], [4.0, 9.0, 4.0], [9.0, 1.0, 3.0], [0.0, 0.0, 1.0]])
    assert_allclose(closeness(dist), [0, 0.5, 0.1, 0.5])


def test_to_a_single_center_there_is_no_doubt():
    assert_array_equal(closeness(np.array([[3.0], [0.0]])), [0, 0])


def test_a_model_is_asked_for_what_it_knows(blobs):
    X = blobs(n=60, gap=2.0).X
    mixture = GaussianMixture(3, random_state=0).fit(X)
    assert_allclose(doubts(mixture, X)[0], mixture.uncertainty(X), rtol=1e-12)
    kmeans = KMeans(3, random_state=0, n_init=1).fit(X)
    assert_array_equal(doubts(kmeans, X)[0], closeness(kmeans.transform(X)))
