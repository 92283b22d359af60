"""GaussianMixture: samples."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as SklearnMixture

from fastmix import GaussianMixture


def test_samples_are_grouped_by_component(blobs, dtype, covariance_type):
    X = blobs(n=90, d=3, dtype=dtype).X
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    rows, labels = gm.sample(200)
    assert rows.shape == (200, 3)
    assert rows.dtype == dtype
    assert labels.dtype == np.int64
    assert_array_equal(labels, np.sort(labels))
    assert_array_equal(gm.predict(rows), labels)  # the blobs lie far apart
    assert gm.sample()[0].shape == (1, 3)


def test_samples_have_the_moments_of_the_mixture(blobs, covariance_type):
    X = blobs(n=150, d=2, gap=4.0).X
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    rows, labels = gm.sample(60_000)
    full = naive.to_full(gm.covariances_, covariance_type, 3, 2)
    for c in range(3):
        mine = rows[labels == c]
        assert len(mine) == pytest.approx(60_000 * gm.weights_[c], rel=0.03)
        assert_allclose(mine.mean(axis=0), gm.means_[c], atol=0.06)
        assert_allclose(np.cov(mine.T), full[c], atol=0.08)


@pytest.mark.usefixtures("in_sklearn")
def test_a_seed_samples_what_scikit_learn_samples(blobs, covariance_type, mixture_start):
    X, truth, _ = blobs(n=92, d=3)  # weights p / (1 - p) of 1/2 hang on the last bit
    options = mixture_start(X, truth, covariance_type)
    options |= {"covariance_type": covariance_type, "random_state": 4}
    ours, theirs = GaussianMixture(3, **options).fit(X), SklearnMixture(3, **options).fit(X)
    mine, his = ours.sample(20), theirs.sample(20)
    assert_allclose(mine[0], his[0], atol=1e-6)
    assert_array_equal(mine[1], his[1])
    assert_array_equal(ours.sample(20)[0], mine[0])  # an int seed repeats


def test_a_random_state_gives_new_samples_at_every_call(blobs):
    X = blobs(n=90).X
    gm = GaussianMixture(3, random_state=np.random.RandomState(0)).fit(X)
    assert not np.array_equal(gm.sample(5)[0], gm.sample(5)[0])


def test_a_fit_to_samples_finds_the_mixture_again(blobs):
    X = blobs(n=150, k=2).X
    gm = GaussianMixture(2, random_state=0).fit(X)
    again = GaussianMixture(2, means_init=gm.means_, max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning):
        again.fit(gm.sample(300)[0])
    assert_allclose(again.means_, gm.means_, atol=0.5)
    assert_allclose(again.weights_, gm.weights_, atol=0.1)
