"""Options out of range: refused by fit, not by the constructor, in scikit-learn's words."""

import re

import numpy as np
import pytest
from sklearn.utils._param_validation import InvalidParameterError

from fastmix import BayesianGaussianMixture, GaussianMixture, KMeans

BAD_OPTIONS = {
    KMeans: {
        "n_clusters": [0, -1, 3.0, "3", None],
        "init": ["kmeans++", "K-Means++", None, 3],
        "n_init": [0, -1, 2.0, "all", None],
        "max_iter": [0, -1, 10.0, None],
        "tol": [-1e-9, "small", None],
        "verbose": [-1, "yes", None],
        "random_state": [-1, 2**32, 1.0, "a"],
        "copy_x": [1, 0, "yes", None],
        "algorithm": ["full", "Lloyd", None, 1],
        "n_threads": [0, -1, 2.0, "all"],
    },
    GaussianMixture: {
        "n_components": [0, -1, 3.0, "3", None],
        "covariance_type": ["Full", "banded", None],
        "tol": [-1e-9, "small", None],
        "reg_covar": [-1e-9, "small", None],
        "max_iter": [-1, 10.0, None],
        "n_init": [0, "auto", 2.0, None],
        "init_params": ["k-means", "KMeans", None, 3],
        "weights_init": [3, "even"],
        "means_init": [3, "any"],
        "precisions_init": ["any"],
        "random_state": [-1, 2**32, 1.0, "a"],
        "warm_start": [1, 0, "yes", None],
        "verbose": [-1, "yes", None],
        "verbose_interval": [0, 2.0, None],
        "accelerate": ["SQUAREM", True, 1],
        "on_collapse": ["Raise", "regularise", None],
        "relative_reg_covar": [1, 0, "yes", None],
        "n_threads": [0, -1, 2.0, "all"],
    },
    BayesianGaussianMixture: {
        "n_components": [0, 3.0],
        "covariance_type": ["Full", None],
        "max_iter": [-1, 10.0],
        "init_params": ["k-means", None],
        "weight_concentration_prior_type": ["dirichlet", None],
        "weight_concentration_prior": [0, -1.0, np.inf, "small"],
        "mean_precision_prior": [0, -1.0, np.inf, "small"],
        "mean_prior": [3, "any"],
        "degrees_of_freedom_prior": [0, -1.0, np.inf, "few"],
        "covariance_prior": [0.0, -1.0, "any"],
        "n_threads": [0, 2.0],
    },
}
options = pytest.mark.parametrize(
    ("Estimator", "name", "value"),
    [
        (cls, name, value)
        for cls, names in BAD_OPTIONS.items()
        for name, values in names.items()
        for value in values
    ],
)


@options
def test_bad_options_are_refused_by_fit(Estimator, name, value, blobs, unchanged):
    X = blobs(n=12).X
    message = f"The '{name}' parameter of {Estimator.__name__} must be"
    fresh = Estimator(**{name: value})  # the constructor refuses nothing
    fitted = Estimator(random_state=0).fit(X).set_params(**{name: value})
    for estimator in (fresh, fitted):
        with unchanged(estimator, X), pytest.raises(InvalidParameterError, match=message):
            estimator.fit(X)


@pytest.mark.parametrize("Estimator", BAD_OPTIONS)
@pytest.mark.parametrize(
    "value", [np.random, np.random.default_rng(0)], ids=["module", "Generator"]
)
def test_generators_of_another_kind_are_refused(Estimator, value, blobs):
    message = f"The 'random_state' parameter of {Estimator.__name__} must be"
    with pytest.raises(InvalidParameterError, match=message):
        Estimator(random_state=value).fit(blobs(n=12).X)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (
            KMeans(0),
            "The 'n_clusters' parameter of KMeans must be an int in the range [1, inf). Got 0",
        ),
        (
            KMeans(n_threads=0),
            "The 'n_threads' parameter of KMeans must be an int in the range [1, inf) or None. Got 0",
        ),
        (
            GaussianMixture(n_threads=-2),
            "The 'n_threads' parameter of GaussianMixture must be an int in the range [1, inf) or None",
        ),
    ],
    ids=["n_clusters", "n_threads of KMeans", "n_threads of GaussianMixture"],
)
def test_messages_to_the_letter(estimator, message, blobs):
    with pytest.raises(InvalidParameterError, match=re.escape(message)):
        estimator.fit(blobs(n=12).X)


def test_parameters_are_checked_before_rows_and_rows_before_their_number():
    with pytest.raises(InvalidParameterError, match="n_clusters"):
        KMeans(0).fit([[np.nan]])
    with pytest.raises(ValueError, match="contains NaN"):
        KMeans(5).fit([[np.nan]])
    with pytest.raises(ValueError, match="n_samples=1 should be >= n_clusters=5"):
        KMeans(5).fit([[1.0]], sample_weight=[-1])
    with pytest.raises(ValueError, match="sample_weight"):
        KMeans(1, init=[[1.0, 2.0]]).fit([[1.0]], sample_weight=[-1])


def test_allowed_words_stand_in_one_order():
    words = "{'diag', 'full', 'spherical', 'tied', 'tied_diag', 'tied_spherical'}"
    with pytest.raises(InvalidParameterError, match=re.escape(f"a str among {words}")):
        GaussianMixture(covariance_type="diagonal").fit([[0.0], [1.0]])
