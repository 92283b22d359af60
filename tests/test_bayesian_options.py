"""BayesianGaussianMixture: the options and methods that scikit-learn has not, as of GaussianMixture."""

import re

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmix import BayesianGaussianMixture
from fastmix.engine.collapse import FLOOR, ON_COLLAPSE
from fastmix.engine.concentrations import WEIGHT_PRIORS

NOT_CONVERGED = "ignore:Best performing initialization did not converge"
COLLAPSED = "ignore:Component .* has collapsed:RuntimeWarning"
OF_THEIR_OWN = ["full", "diag", "spherical"]


@pytest.fixture(params=WEIGHT_PRIORS, scope="session")
def kind(request):
    return request.param


@pytest.fixture
def options(covariance_type, kind):
    return {
        "n_components": 3,
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": kind,
        "random_state": 0,
    }


def next_to_no_prior(covariance_type):
    """Priors of two features under which a component without a volume collapses."""
    shape = {"full": np.eye(2), "diag": np.ones(2), "spherical": 1.0}[covariance_type]
    return {"covariance_prior": 1e-30 * shape, "mean_precision_prior": 1e-30}


def shared(rng, form, n=60, k=3):
    """Labels (n,) or responsibilities (n, k), and both as responsibilities."""
    if form == "labels":
        labels = rng.permutation(np.arange(n) % k)
        return labels, naive.one_hot(labels, k)
    resp = rng.dirichlet(np.ones(k), n)
    return resp, resp


# --- init_params -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["labels", "responsibilities"])
@pytest.mark.parametrize("way", ["array", "list", "callable"])
def test_a_given_start_is_the_posterior_of_the_definition(
    rng, blobs, options, covariance_type, kind, form, way, unchanged
):
    X = blobs(n=60, gap=4.0).X + 100.0
    given, resp = shared(rng, form)
    init = given.tolist() if way == "list" else given
    if way == "callable":
        init = lambda X, *, n_components, random_state: given  # noqa: E731
    model = BayesianGaussianMixture(init_params=init, max_iter=0, **options)
    with unchanged(given, X):
        model.fit(X)
    prior = naive.default_prior(X, 3, covariance_type, kind == "dirichlet_process")
    belief = naive.believe(X, resp, covariance_type, prior)
    assert_allclose(model.weights_, naive.expected_weights(belief.concentration), rtol=1e-10)
    assert_allclose(model.means_, belief.means, rtol=1e-10)
    assert_allclose(model.covariances_, belief.covariances, rtol=1e-8, atol=1e-8)


def test_a_callable_is_asked_once_a_start_and_not_by_a_warm_one(blobs, options):
    X, stream, seen = blobs(n=60).X, np.random.RandomState(3), []

    def init(X, n_components, random_state):
        seen.append((X.shape, n_components, random_state))
        return random_state.randint(n_components, size=len(X))

    options |= {"random_state": stream, "n_init": 3, "warm_start": True, "max_iter": 500}
    model = BayesianGaussianMixture(init_params=init, **options).fit(X)
    assert seen == [((60, 2), 3, stream)] * 3
    assert len(model.init_results_) == 3
    assert model.fit(X).n_iter_ <= 2
    assert len(seen) == 3
    assert len(model.init_results_) == 1


def test_a_given_start_is_made_once(rng, blobs, options):
    labels, _ = shared(rng, "labels")
    message = "performing only one init in BayesianGaussianMixture instead of n_init=5"
    model = BayesianGaussianMixture(init_params=labels, n_init=5, max_iter=500, **options)
    with pytest.warns(RuntimeWarning, match=message) as caught:
        model.fit(blobs(n=60, gap=4.0).X)
    assert [each.filename for each in caught] == [__file__]
    assert len(model.init_results_) == 1


def test_whitened_k_means_starts_well_on_stretched_data(rng, kind):
    truth = np.arange(400) % 2
    X = np.c_[20 * rng.normal(size=400), 2 * truth + 0.2 * rng.normal(size=400)]
    options = {"n_components": 2, "weight_concentration_prior_type": kind, "random_state": 0}
    right = {}
    for init in ("kmeans", "kmeans-whitened"):
        start = BayesianGaussianMixture(init_params=init, max_iter=0, **options).fit(X)
        labels = start.predict(X)
        right[init] = max(np.mean(labels == truth), np.mean(labels != truth))
    assert right["kmeans"] < 0.6
    assert right["kmeans-whitened"] == 1.0


def test_whitened_k_means_does_not_see_units(blobs, kind):
    X, unit = blobs(n=90, gap=4.0).X, np.array([2.0**-20, 2.0**20])
    options = {"n_components": 3, "weight_concentration_prior_type": kind, "random_state": 1}
    options |= {"init_params": "kmeans-whitened", "reg_covar": 0.0, "max_iter": 500}
    here, there = (BayesianGaussianMixture(**options).fit(X * scale) for scale in (1.0, unit))
    assert there.n_iter_ == here.n_iter_
    assert_array_equal(there.predict(X * unit), here.predict(X))
    assert_allclose(there.means_, here.means_ * unit, rtol=1e-7)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros(5, int), r"init_params gives an array of shape \(5,\)"),
        ([0, 1, 2, 0, 1, 0], "init_params gives labels from 0 to 2"),
        (np.full((6, 2), 0.4), "init_params gives responsibilities of sum 0.8 in row 0"),
        ("median", "init_params"),
    ],
    ids=["shape", "label", "sum", "name"],
)
def test_a_bad_start_is_refused(rng, value, message, unchanged):
    X = rng.normal(size=(6, 2))
    model = BayesianGaussianMixture(n_components=2).fit(X)
    model.set_params(init_params=value)
    with unchanged(model, X), pytest.raises(ValueError, match=message):
        model.fit(X)


# --- on_collapse -----------------------------------------------------------------------------


def test_policies_do_nothing_where_nothing_collapses(blobs, options, assert_same_fit):
    X = blobs(n=90, gap=3.0).X
    options |= {"max_iter": 500}
    plain = BayesianGaussianMixture(**options).fit(X)
    for policy in ON_COLLAPSE:
        assert_same_fit(BayesianGaussianMixture(on_collapse=policy, **options).fit(X), plain)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_a_constant_feature_is_an_error_or_regularised(rng, covariance_type, kind, unchanged):
    X = np.insert(rng.normal(size=(60, 2)), 1, 4.0, axis=1)
    options = {"covariance_type": covariance_type, "weight_concentration_prior_type": kind}
    options |= {"n_components": 3, "reg_covar": 0.0, "random_state": 0, "max_iter": 500}
    for policy in ("raise", "reseed"):  # no restart gives the feature a variance
        model = BayesianGaussianMixture(on_collapse=policy, **options)
        with (
            unchanged(model, X),
            pytest.raises(ValueError, match="Constant in all rows: feature 1 "),
        ):
            model.fit(X)
    with pytest.warns(RuntimeWarning, match=r"has collapsed.* was added to its var") as caught:
        model = BayesianGaussianMixture(on_collapse="regularize", **options).fit(X)
    assert len(caught) == (1 if covariance_type == "tied" else 3)
    assert {each.filename for each in caught} == {__file__}
    variances = naive.to_full(model.covariances_, covariance_type, 3, 3)[:, 1, 1]
    floor = FLOOR * X.var(axis=0).mean()
    assert variances.max() <= floor * (1 + 1e-9)
    assert variances.min() > 0  # a component of few rows shares what is added with the prior
    assert np.isfinite(model.score_samples(X)).all()


@pytest.mark.parametrize("covariance_type", OF_THEIR_OWN)
def test_a_collapsed_start_is_restarted_at_a_row(rng, covariance_type, kind):
    X = rng.normal(size=(40, 2))
    X[38:] = [9.0, 3.0]
    labels = np.where(np.arange(40) < 38, np.arange(40) % 2, 2)
    options = {"covariance_type": covariance_type, "weight_concentration_prior_type": kind}
    options |= {"n_components": 3, "init_params": labels, "random_state": 0, "max_iter": 0}
    options |= next_to_no_prior(covariance_type) | {"reg_covar": 0.0}
    with pytest.warns(RuntimeWarning, match=r"Component 2 .* restarted at row (\d+)") as caught:
        model = BayesianGaussianMixture(on_collapse="reseed", **options).fit(X)
    assert [each.filename for each in caught] == [__file__]
    row = int(re.search(r"at row (\d+)", str(caught[0].message))[1])
    assert_allclose(model.means_[2], X[row], rtol=1e-9)
    assert model.init_results_[0].events == (str(caught[0].message),)
    others = BayesianGaussianMixture(**options).fit(X)  # without a policy its rounding passes
    assert_allclose(model.means_[:2], others.means_[:2], rtol=1e-9)
    assert_allclose(model.covariances_[:2], others.covariances_[:2], rtol=1e-9)


@pytest.mark.filterwarnings(COLLAPSED)
@pytest.mark.parametrize("covariance_type", OF_THEIR_OWN)
@pytest.mark.parametrize("policy", ["reseed", "regularize"])
def test_a_run_goes_on_after_a_collapse(rng, covariance_type, kind, policy, assert_same_fit):
    X = rng.normal(size=(60, 2))
    labels = np.where(np.arange(60) < 59, np.arange(60) % 2, 2)  # component 2 is a single row

    def fit(n_threads):
        return BayesianGaussianMixture(
            n_components=3,
            covariance_type=covariance_type,
            weight_concentration_prior_type=kind,
            init_params=labels,
            on_collapse=policy,
            reg_covar=0.0,
            random_state=0,
            max_iter=500,
            weight_concentration_prior=10.0,  # components without rows do not fade
            n_threads=n_threads,
            **next_to_no_prior(covariance_type),
        ).fit(X)

    model = fit(1)
    assert model.converged_
    assert "Component 2 (weight 0.0167) has collapsed" in model.init_results_[0].events[0]
    assert np.isfinite(model.score_samples(X)).all()
    assert_same_fit(model, fit(2))


# --- relative_reg_covar ----------------------------------------------------------------------


def test_a_relative_reg_covar_is_a_fraction_of_the_mean_variance(blobs, rng, options):
    X, weight = blobs(n=90, gap=3.0).X, rng.uniform(0, 3, 90)
    options |= {"max_iter": 500}
    relative = BayesianGaussianMixture(reg_covar=1e-2, relative_reg_covar=True, **options)
    relative.fit(X, sample_weight=weight)
    variance = np.cov(X.T, bias=True, aweights=weight).diagonal().mean()
    absolute = BayesianGaussianMixture(reg_covar=1e-2 * variance, **options)
    absolute.fit(X, sample_weight=weight)
    assert relative.n_iter_ == absolute.n_iter_
    assert_allclose(relative.covariances_, absolute.covariances_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-5, 2.0**40])
def test_a_relative_reg_covar_makes_the_unit_of_x_irrelevant(blobs, options, scale):
    X = blobs(n=90, gap=3.0).X
    options |= {"reg_covar": 1e-3, "relative_reg_covar": True, "max_iter": 500, "tol": 1e-4}
    here, there = (BayesianGaussianMixture(**options).fit(X * unit) for unit in (1.0, scale))
    assert_array_equal(there.predict(X * scale), here.predict(X))
    assert_allclose(there.weights_, here.weights_, rtol=1e-6)
    assert_allclose(there.means_, here.means_ * scale, rtol=1e-6, atol=1e-7 * scale)
    assert_allclose(there.covariances_, here.covariances_ * scale**2, atol=1e-6 * scale**2)


# --- methods ---------------------------------------------------------------------------------


def test_uncertainty_is_what_the_best_component_lacks(blobs, options, dtype):
    X = blobs(n=90, gap=2.0, dtype=dtype).X
    model = BayesianGaussianMixture(tol=0.1, **options).fit(X)
    got = model.uncertainty(X)
    assert got.dtype == dtype
    assert_allclose(got, 1 - model.predict_proba(X).max(axis=1), atol=4 * np.finfo(dtype).eps)
    assert got.max() > 0.01


def test_mahalanobis_distances_are_of_the_fitted_covariances(blobs, options, covariance_type):
    X = blobs(n=90, gap=2.0).X + 1000.0
    model = BayesianGaussianMixture(tol=0.1, **options).fit(X)
    got = model.mahalanobis(X)
    for c, matrix in enumerate(naive.to_full(model.covariances_, covariance_type, 3, 2)):
        diff = X - model.means_[c]
        expected = np.sqrt(np.einsum("ij,jk,ik->i", diff, np.linalg.inv(matrix), diff))
        assert_allclose(got[:, c], expected, rtol=1e-9, atol=1e-9)


# --- warm_start ------------------------------------------------------------------------------


@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_warm_starts_continue_where_the_last_fit_ended(rng, options, dtype, assert_same_bits):
    X = rng.normal(size=(100, 2)).astype(dtype)
    labels, _ = shared(rng, "labels", n=100)
    options |= {"init_params": labels, "relative_reg_covar": True, "on_collapse": "reseed"}
    options |= {"tol": 1e-2}
    whole = BayesianGaussianMixture(max_iter=500, **options).fit(X)
    pieces, bounds = BayesianGaussianMixture(max_iter=1, warm_start=True, **options), []
    for _ in range(whole.n_iter_):
        bounds += pieces.fit(X).lower_bounds_
        assert pieces.n_iter_ == 1
    if dtype == np.float64:
        assert_allclose(bounds, whole.lower_bounds_, rtol=1e-12)
    assert pieces.converged_ is True
    tol = 1e-9 if dtype == np.float64 else 1e-4
    assert_allclose(pieces.means_, whole.means_, rtol=tol, atol=tol)
    assert_allclose(pieces.covariances_, whole.covariances_, rtol=tol, atol=tol)


def test_a_warm_start_takes_new_rows_and_new_priors(blobs, options):
    X, more = blobs(n=90, gap=4.0).X, blobs(n=300, gap=4.0, seed=0).X
    model = BayesianGaussianMixture(warm_start=True, max_iter=500, **options).fit(X)
    model.set_params(mean_precision_prior=5.0).fit(more)
    assert model.mean_precision_prior_ == 5.0
    assert model.mean_precision_.sum() == pytest.approx(300 + 3 * 5.0)
    cold = BayesianGaussianMixture(mean_precision_prior=5.0, max_iter=500, **options).fit(more)
    assert model.n_iter_ <= cold.n_iter_ + 2
