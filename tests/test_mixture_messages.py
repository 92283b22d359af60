"""GaussianMixture: warnings, errors and verbose lines, to the letter."""

import re

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from fastmix import GaussianMixture

FOUR_POINTS = np.array([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0]])
PAIRS = {"weights_init": [0.5, 0.5], "means_init": [[0, 1], [10, 1]]}
COLLAPSE = (
    "Fitting the mixture model failed because some components have ill-defined empirical "
    "covariance (for instance caused by singleton or collapsed samples). Try to decrease the "
    "number of components, increase reg_covar, or scale the input data."
)


# --- warnings and errors ---------------------------------------------------------------------


def test_no_convergence_warns(rng):
    message = (
        "Best performing initialization did not converge. Try different init parameters, or "
        "increase max_iter, tol, or check for degenerate data."
    )
    gm = GaussianMixture(3, max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning, match=re.escape(message)) as caught:
        gm.fit(rng.normal(size=(60, 2)))
    assert len(caught) == 1
    assert gm.converged_ is False
    assert gm.n_iter_ == 1


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score", "score_samples", "bic"])
def test_an_unfitted_estimator_says_so(method):
    message = "This GaussianMixture instance is not fitted yet. Call 'fit' with appropriate"
    with pytest.raises(NotFittedError, match=re.escape(message)):
        getattr(GaussianMixture(2), method)(FOUR_POINTS)
    with pytest.raises(NotFittedError, match=re.escape(message)):
        GaussianMixture(2).sample()


@pytest.mark.parametrize(
    "X",
    [np.full((20, 2), 3.0), np.c_[np.arange(20.0), np.full(20, 3.0)]],
    ids=["equal rows", "constant column"],
)
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_collapse_is_an_error_without_regularisation(X, covariance_type, dtype, unchanged):
    if "spherical" in covariance_type:
        X = np.full((20, 2), 3.0)
    gm = GaussianMixture(2, covariance_type=covariance_type, reg_covar=0, random_state=0)
    with unchanged(gm, X), pytest.raises(ValueError, match=re.escape(COLLAPSE)):
        gm.fit(X.astype(dtype))


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_collapsed_data_fit_with_regularisation(covariance_type):
    X = np.repeat([[0.0, 0.0], [4.0, 4.0]], 6, axis=0)
    gm = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    assert sorted(gm.means_[:, 0].round(6)) == [0, 4]
    assert np.ravel(gm.covariances_).max() == pytest.approx(1e-6, rel=1e-6)


@pytest.mark.parametrize("n_samples", [0, -1])
def test_a_sample_needs_a_row(n_samples):
    gm = GaussianMixture(2, random_state=0).fit(FOUR_POINTS)
    message = f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one"
    with pytest.raises(ValueError, match=re.escape(message)):
        gm.sample(n_samples)


SHAPES = {
    "full": ("(2, 2, 2)", np.ones((2, 2))),
    "tied": ("(2, 2)", np.ones((3, 3))),
    "diag": ("(2, 2)", np.ones((2, 3))),
    "spherical": ("(2,)", np.ones(3)),
    "tied_diag": ("(2,)", np.ones(3)),
    "tied_spherical": ("()", np.ones(1)),
}
NOT_POSITIVE = {
    "full": np.array([np.eye(2), [[1, 2], [2, 1]]]),
    "tied": np.array([[1.0, 0.5], [0.4, 1.0]]),
    "diag": np.array([[1.0, 1.0], [1.0, 0.0]]),
    "spherical": np.array([1.0, -1.0]),
    "tied_diag": np.array([1.0, 0.0]),
    "tied_spherical": np.array(-1.0),
}
BAD_STARTS = {
    "weights shape": (
        {"weights_init": [0.2, 0.3, 0.5]},
        "The parameter 'weights' should have the shape of (2,), but got (3,)",
    ),
    "weights range": (  # scikit-learn prints least and greatest in this order
        {"weights_init": [-0.5, 1.5]},
        "should be in the range [0, 1], but got max value -0.50000, min value 1.50000",
    ),
    "weights sum": (
        {"weights_init": [0.6, 0.6]},
        "The parameter 'weights' should be normalized, but got sum(weights) = 1.20000",
    ),
    "means shape": (
        {"means_init": [[1.0, 2.0]]},
        "The parameter 'means' should have the shape of (2, 2), but got (1, 2)",
    ),
    "means NaN": ({"means_init": [[1.0, 2.0], [np.nan, 0.0]]}, "contains NaN"),
}


@pytest.mark.parametrize(("options", "message"), BAD_STARTS.values(), ids=BAD_STARTS)
def test_bad_given_weights_and_means_are_refused(options, message, unchanged):
    gm = GaussianMixture(2, random_state=0, **options)
    with unchanged(gm, FOUR_POINTS), pytest.raises(ValueError, match=re.escape(message)):
        gm.fit(FOUR_POINTS)


def test_given_precisions_of_another_shape_are_refused(covariance_type, unchanged):
    shape, bad = SHAPES[covariance_type]
    gm = GaussianMixture(2, covariance_type=covariance_type, precisions_init=bad, random_state=0)
    message = f"The parameter '{covariance_type} precision' should have the shape of {shape}, but"
    with unchanged(gm, FOUR_POINTS), pytest.raises(ValueError, match=re.escape(message)):
        gm.fit(FOUR_POINTS)


@pytest.mark.parametrize("covariance_type", ["full", "tied_diag"])
def test_a_number_is_no_precision_of_matrices_or_features(covariance_type, unchanged):
    gm = GaussianMixture(2, covariance_type=covariance_type, precisions_init=3)
    message = rf"'{covariance_type} precision' should have the shape of \(2.*\), but got \(\)"
    with unchanged(gm, FOUR_POINTS), pytest.raises(ValueError, match=message):
        gm.fit(FOUR_POINTS)


def test_given_precisions_must_be_positive(covariance_type, unchanged):
    bad = NOT_POSITIVE[covariance_type]
    gm = GaussianMixture(2, covariance_type=covariance_type, precisions_init=bad, random_state=0)
    kind = "symmetric, positive-definite" if bad.shape[-2:] == (2, 2) else "positive"
    kind = "positive" if covariance_type == "diag" else kind
    message = f"'{covariance_type} precision' should be {kind}"
    with unchanged(gm, FOUR_POINTS), pytest.raises(ValueError, match=re.escape(message)):
        gm.fit(FOUR_POINTS)


@pytest.mark.parametrize(
    ("kind", "error", "accepted"),
    [("float64", 1e-9, True), ("float64", 1e-6, False), ("float32", 1e-5, False)],
)
def test_given_weights_may_miss_one_by_rounding_only(kind, error, accepted):
    gm = GaussianMixture(
        2, weights_init=np.array([0.5, 0.5 + error], kind), max_iter=0, random_state=0
    )
    X = FOUR_POINTS.astype(kind)
    if accepted:
        assert gm.fit(X).weights_.sum() == pytest.approx(1, abs=1e-8)
    else:
        with pytest.raises(ValueError, match="should be normalized"):
            gm.fit(X)


# --- verbose lines ---------------------------------------------------------------------------


def test_verbose_names_the_inits_and_every_tenth_iteration(capsys, rng):
    gm = GaussianMixture(2, init_params="random", random_state=0, verbose=1, tol=1e-6, max_iter=500)
    gm.fit(rng.normal(size=(100, 2)))
    assert gm.n_iter_ >= 10
    steps = [f"  Iteration {t}" for t in range(10, gm.n_iter_ + 1, 10)]
    expected = ["Initialization 0", *steps, "Initialization converged."]
    assert capsys.readouterr().out.splitlines() == expected


def test_verbose_speaks_once_for_every_init(capsys, blobs):
    GaussianMixture(3, n_init=3, random_state=0, verbose=1).fit(blobs(n=60).X)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        line for i in range(3) for line in (f"Initialization {i}", "Initialization converged.")
    ]


def test_more_verbose_tells_times_and_changes(capsys, blobs):
    gm = GaussianMixture(3, random_state=0, verbose=2, verbose_interval=1).fit(blobs(n=60).X)
    told, _, report = capsys.readouterr().out.partition(f"{gm.fit_report_}")
    assert report == "\n"
    lines = told.splitlines()
    assert lines[0] == "Initialization 0"
    bounds = np.array(gm.lower_bounds_)
    changes = [np.inf, *np.diff(bounds)]
    assert len(lines) == gm.n_iter_ + 2
    for t, line in enumerate(lines[1:-1], start=1):
        found = re.fullmatch(r"  Iteration (\d+)\t time lapse \d+\.\d{5}s\t ll change (\S+)", line)
        assert int(found[1]) == t
        assert found[2] == f"{changes[t - 1]:.5f}"
    assert re.fullmatch(
        rf"Initialization converged\. time lapse \d+\.\d{{5}}s\t lower bound {bounds[-1]:.5f}\.",
        lines[-1],
    )


def test_verbose_tells_of_no_convergence(capsys, rng):
    gm = GaussianMixture(3, max_iter=1, random_state=0, verbose=2)
    with pytest.warns(ConvergenceWarning):
        gm.fit(rng.normal(size=(60, 2)))
    last = capsys.readouterr().out.partition(f"{gm.fit_report_}")[0].splitlines()[-1]
    assert re.fullmatch(
        r"Initialization did not converge\. time lapse \d+\.\d{5}s\t lower bound \S+\.", last
    )


def test_silence_is_the_default(capsys):
    GaussianMixture(2, random_state=0, **PAIRS).fit(FOUR_POINTS)
    assert capsys.readouterr().out == ""
