"""GaussianMixture against mclust (R): log-likelihoods and BIC on iris and Old Faithful."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from fastmix import GaussianMixture
from fastmix.engine.starts import STARTS

# mclust's BIC, 2 loglik - p log n, for k = 1, 2, 3, 4; its names are VVV, EEE, VVI, VII, EEI and EII
BIC = {
    ("iris", "full"): (-829.9782, -574.0178, -580.8396, -630.6),
    ("iris", "tied"): (-829.9782, -688.0972, -632.9647, -646.0258),
    ("iris", "diag"): (-1522.1202, -857.5515, -744.6382, -751.0198),
    ("iris", "spherical"): (-1804.0854, -1012.2352, -853.8144, -812.6048),
    ("iris", "tied_diag"): (-1522.1202, -1042.9679, -813.0504, -827.4036),
    ("iris", "tied_spherical"): (-1804.0854, -1123.4117, -878.7650, -893.6140),
    ("faithful", "full"): (-2607.623, -2322.192, -2349.696, -2351.493),
}
LOG_LIKELIHOOD = {
    ("full", 1): -379.9146,
    ("full", 2): -214.3547,
    ("full", 3): -180.1855,
    ("tied", 2): -296.4476,
    ("tied", 3): -256.3540,
    ("diag", 2): -386.1853,
    ("diag", 3): -307.1776,
    ("spherical", 2): -478.5591,
    ("spherical", 3): -384.3141,
}
# A component of less variance has shrunk onto rows that were rounded to the same numbers: petals
# are read to 0.1 cm, eruptions to a second or so. Its likelihood is without a bound.
READING = {"iris": 0.1**2 / 12, "faithful": (1 / 60) ** 2 / 12}
# Optima to which mclust climbs, too, but on slopes so gentle that it ends before it is there: a
# step by less than 1e-5 of the log-likelihood ends it, 0.01 on Old Faithful.
UNDER_WAY = [
    ("iris", "tied", 4, "kmeans-whitened", 5),
    ("iris", "spherical", 4, "kmeans", 5),
    ("faithful", "full", 3, "kmeans-whitened", 1),
    ("faithful", "full", 4, "random_from_data", 6),
]
AGREE = [(*key, k) for key in BIC for k in (1, 2, 3) if (key[0], k) != ("faithful", 3)]
ALL = [(*key, k) for key in BIC for k in (1, 2, 3, 4)]

pytestmark = pytest.mark.compiled


@cache
def rows(name):
    if name == "iris":
        return load_iris().data
    return np.loadtxt(Path(__file__).parent / "data/faithful.csv", delimiter=",", skiprows=4)


@cache
def fit(name, covariance_type, k, init="kmeans", seed=0):
    options = {"covariance_type": covariance_type, "tol": 1e-9, "reg_covar": 1e-10}
    options |= {"max_iter": 5000, "init_params": init, "random_state": seed}
    return GaussianMixture(k, **options).fit(rows(name))


def log_likelihood(gm, X):
    return len(X) * gm.score(X)


def mclusts(gm, name, covariance_type):
    """The log-likelihood that belongs to mclust's BIC."""
    bic = BIC[name, covariance_type][gm.n_components - 1]
    return (bic + gm.n_parameters_ * np.log(len(rows(name)))) / 2


def test_the_data_are_those_of_r():
    X = rows("faithful")
    assert X.shape == (272, 2)
    assert X[0].tolist() == [3.6, 79.0]
    assert X.mean(axis=0) == pytest.approx([3.487783, 70.897059], abs=1e-6)


@pytest.mark.parametrize(("name", "covariance_type", "k"), AGREE)
def test_the_start_by_k_means_ends_where_mclust_does(name, covariance_type, k):
    gm, X = fit(name, covariance_type, k), rows(name)
    assert -gm.bic(X) == pytest.approx(BIC[name, covariance_type][k - 1], abs=0.01)
    if name == "iris" and (covariance_type, k) in LOG_LIKELIHOOD:
        expected = LOG_LIKELIHOOD[covariance_type, k]
        assert log_likelihood(gm, X) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("name", "covariance_type", "k", "init", "seed"), UNDER_WAY)
def test_a_climb_passes_where_mclust_ends(name, covariance_type, k, init, seed):
    gm, n = fit(name, covariance_type, k, init, seed), len(rows(name))
    course, his = n * np.array(gm.lower_bounds_), mclusts(gm, name, covariance_type)
    there = int(np.argmax(course > his))
    assert 0 < there < gm.n_iter_ - 1
    assert (course[there] - course[there - 1]) / (1 - his) < 6e-5
    assert his < log_likelihood(gm, rows(name)) < his + 0.15


@pytest.mark.parametrize(("name", "covariance_type", "k"), ALL)
def test_the_best_of_all_starts_is_no_worse_than_mclusts(name, covariance_type, k):
    """Of each start by name with the seeds 0 to 9; degenerate and endless ones do not count."""
    X, found, endless = rows(name), [], []
    for init in STARTS:
        for seed in range(10 if k > 2 else 1):
            try:
                gm = fit(name, covariance_type, k, init, seed)
            except ValueError:  # a component has collapsed
                continue
            except ConvergenceWarning:  # it trembles there, by rounding
                endless.append((init, seed))
                continue
            full = {"full": gm.covariances_, "tied": gm.covariances_[None]}.get(covariance_type)
            variances = gm.covariances_ if full is None else np.linalg.eigvalsh(full)
            if variances.min() > READING[name]:
                found.append(log_likelihood(gm, X))
    assert max(found) > mclusts(gm, name, covariance_type) - 0.01
    assert len(endless) <= 1
