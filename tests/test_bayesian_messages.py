"""BayesianGaussianMixture: errors about priors and evidence, and verbose lines, to the letter."""

import re

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from fastmix import BayesianGaussianMixture

FOUR_POINTS = np.array([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0]])
BAD_PRIORS = {
    "mean shape": (
        {"mean_prior": [1.0, 2.0, 3.0]},
        "The parameter 'means' should have the shape of (2,), but got (3,)",
    ),
    "mean NaN": ({"mean_prior": [np.nan, 0.0]}, "contains NaN"),
    "mean out of reach": ({"mean_prior": [1e200, 0.0]}, "mean_prior is too far from X"),
    "degrees of freedom": (
        {"degrees_of_freedom_prior": 1.0},
        "The parameter 'degrees_of_freedom_prior' should be greater than 1, but got 1.000.",
    ),
    "inf": ({"covariance_prior": np.full((2, 2), np.inf)}, "contains infinity"),
}
SHAPES = {
    "full": ("(2, 2)", np.ones((2, 2, 2))),
    "tied": ("(2, 2)", np.ones((3, 3))),
    "diag": ("(2,)", np.ones(3)),
    "spherical": ("()", np.ones(2)),
    "tied_diag": ("(2,)", np.ones(3)),
    "tied_spherical": ("()", np.ones(1)),
}
NOT_POSITIVE = {
    "full": [[1.0, 2.0], [2.0, 1.0]],
    "tied": [[1.0, 0.5], [0.4, 1.0]],
    "diag": [1.0, 0.0],
    "tied_diag": [1.0, 0.0],
}


def refused(unchanged, message, weight=None, **options):
    """The options are refused with that message, by a new estimator and by a fitted one."""
    fresh = BayesianGaussianMixture(random_state=0, **options)
    fitted = BayesianGaussianMixture(random_state=0).fit(FOUR_POINTS).set_params(**options)
    for model in (fresh, fitted):
        with (
            unchanged(model, FOUR_POINTS, *options.values()),
            pytest.raises(ValueError, match=re.escape(message)),
        ):
            model.fit(FOUR_POINTS, sample_weight=weight)


@pytest.mark.parametrize(("options", "message"), BAD_PRIORS.values(), ids=BAD_PRIORS)
def test_bad_priors_are_refused(options, message, unchanged):
    refused(unchanged, message, **options)


def test_a_covariance_prior_of_another_shape_is_refused(covariance_type, unchanged):
    shape, bad = SHAPES[covariance_type]
    message = (
        f"The parameter '{covariance_type} covariance_prior' should have the shape of {shape}, "
        f"but got {bad.shape}"
    )
    refused(unchanged, message, covariance_type=covariance_type, covariance_prior=bad)


@pytest.mark.parametrize(("kind", "bad"), NOT_POSITIVE.items(), ids=NOT_POSITIVE)
def test_a_covariance_prior_must_be_positive(kind, bad, unchanged):
    how = "positive" if "diag" in kind else "symmetric, positive-definite"
    message = f"'{kind} precision' should be {how}; here it is covariance_prior that is not."
    refused(unchanged, message, covariance_type=kind, covariance_prior=bad)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [1e305, 1e308])
def test_more_evidence_than_can_be_counted_is_refused(unit, unchanged):
    refused(unchanged, "sample_weight sums up to", np.full(4, unit))


@pytest.mark.parametrize("weight", [0.25, 1e-300])
def test_too_little_evidence_for_a_sample_covariance_is_refused(weight, unchanged):
    refused(unchanged, "Give covariance_prior, or scale sample_weight.", np.full(4, weight))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score", "score_samples"])
def test_an_unfitted_estimator_says_so(method):
    message = "This BayesianGaussianMixture instance is not fitted yet. Call 'fit' with"
    with pytest.raises(NotFittedError, match=re.escape(message)):
        getattr(BayesianGaussianMixture(), method)(FOUR_POINTS)
    with pytest.raises(NotFittedError, match=re.escape(message)):
        BayesianGaussianMixture().sample()


def test_rows_without_volume_collapse_without_regularisation(covariance_type, unchanged):
    model = BayesianGaussianMixture(covariance_type=covariance_type, reg_covar=0, random_state=0)
    X = np.ones((9, 2))
    with unchanged(model, X), pytest.raises(ValueError, match="Fitting the mixture model failed"):
        model.fit(X)


@pytest.mark.parametrize("name", ["n_components", "the number of features of X"])
def test_a_warm_start_of_another_size_is_refused(name, unchanged):
    model = BayesianGaussianMixture(warm_start=True, random_state=0).fit(FOUR_POINTS)
    X = FOUR_POINTS
    if name == "n_components":
        model.set_params(n_components=2)
    else:
        X = np.c_[FOUR_POINTS, [1.0, 2.0, 3.0, 4.0]]
    with unchanged(model, X), pytest.raises(ValueError, match=f"{name} has changed"):
        model.fit(X)


def test_verbose_lines_are_those_of_mixtures(capsys, blobs):
    model = BayesianGaussianMixture(n_components=3, random_state=0, verbose=1, verbose_interval=1)
    model.fit(blobs(n=60).X)
    steps = [f"  Iteration {t}" for t in range(1, model.n_iter_ + 1)]
    expected = ["Initialization 0", *steps, "Initialization converged."]
    assert capsys.readouterr().out.splitlines() == expected
