"""Silhouettes of all rows: what they are compared with, and by whom."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine import silhouette
from fastmix.engine.silhouette import KINDS, silhouettes

ORACLES = {"exact": naive.silhouettes, "simplified": naive.simplified_silhouettes}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.mark.parametrize("n_threads", [1, 3])
def test_every_kind_is_the_naive_one(rng, dtype, kind, threaded, n_threads):
    X = (50 + rng.normal(size=(90, 4))).astype(dtype)
    labels = rng.randint(5, size=90).astype(np.int32)
    labels[:5] = range(5)
    got = silhouettes(X, labels, 5, kind, n_threads)
    assert_allclose(got, ORACLES[kind](X, labels).astype(float), atol=20 * np.finfo(dtype).eps)


@pytest.mark.compiled
def test_any_number_of_threads_gives_the_same_bits(rng, dtype, kind, threaded, assert_same_bits):
    X, labels = rng.normal(size=(700, 3)).astype(dtype), rng.randint(4, size=700).astype(np.int32)
    alone = silhouettes(X, labels, 4, kind, 1)
    for n_threads in (2, 3, 7):
        assert_same_bits(silhouettes(X, labels, 4, kind, n_threads), alone)


def test_work_in_parts_gives_the_same_bits(rng, kind, monkeypatch, assert_same_bits):
    """A call ends after some seconds, so that Ctrl-C is heard."""
    X, labels = rng.normal(size=(300, 3)), rng.randint(4, size=300).astype(np.int32)
    whole = silhouettes(X, labels, 4, kind, 1)
    monkeypatch.setattr(silhouette, "WORK_A_CALL", 1000)
    assert_same_bits(silhouettes(X, labels, 4, kind, 1), whole)


def test_one_alone_in_its_cluster_has_none(kind):
    X, labels = np.array([[0.0], [1.0], [9.0]]), np.array([0, 0, 1], np.int32)
    got = silhouettes(X, labels, 2, kind, 1)
    assert got[2] == 0
    assert (got[:2] > 0.8).all()


def test_rows_that_are_all_the_same_have_none(kind):
    labels = np.array([0, 1, 0, 1], np.int32)
    assert_array_equal(silhouettes(np.ones((4, 2)), labels, 2, kind, 1), 0)


@pytest.mark.parametrize("exponent", [-400, 400])
def test_the_unit_of_the_rows_does_not_matter(rng, kind, exponent, assert_same_bits):
    X, labels = rng.normal(size=(50, 2)), rng.randint(2, size=50).astype(np.int32)
    got = silhouettes(X * 2.0**exponent, labels, 2, kind, 1)
    assert_same_bits(got, silhouettes(X, labels, 2, kind, 1))


def test_an_offset_costs_no_accuracy(rng, kind):
    X, labels = rng.randint(-9, 9, (60, 2)) / 8.0, rng.randint(3, size=60).astype(np.int32)
    got = silhouettes(X + 2.0**40, labels, 3, kind, 1)
    assert_allclose(got, ORACLES[kind](X, labels).astype(float), rtol=1e-12)
