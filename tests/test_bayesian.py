"""BayesianGaussianMixture: equality with scikit-learn, the course of a fit, and what it leaves behind."""

import pickle

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture as SklearnMixture

from fastmix import BayesianGaussianMixture
from fastmix.engine.concentrations import WEIGHT_PRIORS

NOT_CONVERGED = "ignore:Best performing initialization did not converge"
POSTERIOR = ("weight_concentration_", "mean_precision_", "degrees_of_freedom_")
COMPONENTS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
PRIORS = (
    "weight_concentration_prior_",
    "mean_precision_prior_",
    "mean_prior_",
    "degrees_of_freedom_prior_",
    "covariance_prior_",
)
ATTRIBUTES = POSTERIOR + COMPONENTS + PRIORS


@pytest.fixture(params=WEIGHT_PRIORS, scope="session")
def kind(request):
    return request.param


@pytest.fixture
def options(covariance_type, kind):
    return {
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": kind,
        "random_state": 0,
    }


def given_priors(covariance_type, d):
    """Priors that are nowhere the default."""
    matrix = np.eye(d) + 0.3
    return {
        "weight_concentration_prior": 2.5,
        "mean_precision_prior": 0.2,
        "mean_prior": np.linspace(-1, 1, d),
        "degrees_of_freedom_prior": d + 3.5,
        "covariance_prior": {
            "full": matrix,
            "tied": matrix,
            "diag": np.linspace(0.5, 2, d),
            "spherical": 0.7,
            "tied_diag": np.linspace(0.5, 2, d),
            "tied_spherical": 0.7,
        }[covariance_type],
    }


def assert_agrees(ours, theirs, X, tol=1e-8):
    """All that two fits leave behind agrees within tol of its scale."""
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_ == theirs.converged_
    for name in ATTRIBUTES:
        mine, his = getattr(ours, name), getattr(theirs, name)
        assert isinstance(mine, tuple) == isinstance(his, tuple), name
        assert np.shape(mine) == np.shape(his), name
        scale = max(1, np.abs(his).max())
        assert_allclose(mine, his, rtol=0, atol=tol * scale, err_msg=name)
    if hasattr(theirs, "lower_bounds_"):  # scikit-learn 1.7 and newer
        history = np.ravel(theirs.lower_bounds_)
        assert_allclose(ours.lower_bounds_, history, rtol=tol, atol=tol * len(X))
    bound = float(np.ravel(theirs.lower_bound_)[0])  # an array where the covariance is tied
    assert ours.lower_bound_ == pytest.approx(bound, rel=tol, abs=tol * len(X))
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=10 * tol)
    assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=tol, atol=10 * tol)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X) == pytest.approx(theirs.score(X), rel=tol, abs=tol)


# --- the same as scikit-learn --------------------------------------------------------------------


@pytest.mark.usefixtures("in_sklearn")
@pytest.mark.parametrize("priors", ["default", "given"])
@pytest.mark.parametrize("init_params", ["kmeans", "random"])
@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_equals_scikit_learn_from_the_same_start(
    blobs, options, covariance_type, init_params, priors
):
    X = blobs(n=150, d=3, k=4, gap=3.0).X
    options |= given_priors(covariance_type, 3) if priors == "given" else {}
    options |= {"n_components": 5, "init_params": init_params, "max_iter": 60}
    ours, theirs = BayesianGaussianMixture(**options).fit(X), SklearnMixture(**options).fit(X)
    assert_agrees(ours, theirs, X)


@pytest.mark.usefixtures("in_sklearn")
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(20, 120),
    d=st.integers(1, 4),
    k=st.integers(1, 5),
    concentration=st.sampled_from([None, 1e-3, 10.0]),
    reg_covar=st.sampled_from([1e-6, 1e-2]),
)
@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_equals_scikit_learn_on_any_cloud(
    seed, n, d, k, concentration, reg_covar, covariance_type, kind
):
    random = np.random.RandomState(seed)
    X = random.normal(size=(n, d)) * random.uniform(0.5, 2, d)
    options = {
        "n_components": k,
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": kind,
        "weight_concentration_prior": concentration,
        "reg_covar": reg_covar,
        "init_params": "random",
        "max_iter": 15,
        "random_state": seed,
    }
    ours, theirs = BayesianGaussianMixture(**options).fit(X), SklearnMixture(**options).fit(X)
    assert_agrees(ours, theirs, X)


@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_equals_the_naive_loop(rng, options, covariance_type, kind):
    X, weight = rng.normal(size=(40, 2)), rng.randint(0, 3, 40).astype(np.float64)
    got = BayesianGaussianMixture(
        n_components=3, init_params="random", max_iter=4, tol=0, **options
    ).fit(X, sample_weight=weight)
    prior = naive.default_prior(X, 3, covariance_type, kind == "dirichlet_process", weight)
    resp = np.random.RandomState(0).uniform(size=(40, 3))
    resp /= resp.sum(axis=1, keepdims=True)
    belief, bounds = naive.believe(X, weight[:, None] * resp, covariance_type, prior), []
    for _ in range(4):
        _, resp = naive.responsibilities(naive.log_rho(X, belief, covariance_type))
        belief = naive.believe(X, weight[:, None] * resp, covariance_type, prior)
        bounds.append(naive.evidence_bound(resp, weight, belief, covariance_type))
    assert_allclose(got.lower_bounds_, bounds, rtol=1e-9)
    assert_allclose(got.means_, belief.means, atol=1e-9)
    assert_allclose(got.covariances_, belief.covariances, atol=1e-9)
    assert_allclose(got.weights_, naive.expected_weights(belief.concentration), atol=1e-9)
    log_norm, resp = naive.responsibilities(naive.log_rho(X, belief, covariance_type))
    assert_allclose(got.score_samples(X), log_norm.astype(float), atol=1e-9)
    assert_allclose(got.predict_proba(X), resp.astype(float), atol=1e-9)


@pytest.mark.usefixtures("in_sklearn")
@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_takes_up_a_fit_as_scikit_learn_does(blobs, options):
    X = blobs(n=90, gap=2.0).X
    options |= {
        "n_components": 3,
        "init_params": "random",
        "warm_start": True,
        "max_iter": 3,
        "tol": 0,
    }
    ours, theirs = BayesianGaussianMixture(**options), SklearnMixture(**options)
    for _ in range(3):
        assert_agrees(ours.fit(X), theirs.fit(X), X)
    whole = BayesianGaussianMixture(**options | {"max_iter": 9}).fit(X)
    assert_allclose(ours.means_, whole.means_, rtol=1e-9, atol=1e-9)
    assert len(ours.lower_bounds_) == 3


# --- the course of a fit -------------------------------------------------------------------------


@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_the_bound_never_falls(blobs, options):
    X = blobs(n=200, gap=2.0).X
    model = BayesianGaussianMixture(
        n_components=6, init_params="random", reg_covar=0, tol=1e-6, max_iter=200, **options
    ).fit(X)
    assert model.n_iter_ > 3
    assert np.diff(model.lower_bounds_).min() > -1e-9 * abs(model.lower_bound_)


@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_components_without_rows_fade(blobs, covariance_type, kind):
    X = blobs(n=300, d=2, k=3, gap=10.0).X
    model = BayesianGaussianMixture(
        n_components=8,
        covariance_type=covariance_type,
        weight_concentration_prior_type=kind,
        weight_concentration_prior=1e-3,
        max_iter=500,
        random_state=1,
    ).fit(X)
    assert (model.weights_ > 0.01).sum() == 3
    assert_allclose(np.sort(model.weights_)[-3:], 1 / 3, atol=0.01)
    assert len(set(model.predict(X))) == 3


def test_a_great_concentration_keeps_all_components(blobs, options):
    X = blobs(n=90, k=3).X
    options |= {"weight_concentration_prior_type": "dirichlet_distribution"}
    model = BayesianGaussianMixture(n_components=3, weight_concentration_prior=1e9, **options)
    assert_allclose(model.fit(X).weights_, 1 / 3, atol=1e-6)


def test_without_an_iteration_the_start_is_kept(blobs, options, covariance_type, kind):
    X, truth, _ = blobs(n=60)
    model = BayesianGaussianMixture(n_components=3, max_iter=0, **options).fit(X)
    assert (model.n_iter_, model.converged_) == (0, False)
    assert (model.lower_bound_, model.lower_bounds_) == (-np.inf, [])
    prior = naive.default_prior(X, 3, covariance_type, kind == "dirichlet_process")
    order = np.argsort(model.means_.sum(1))
    belief = naive.believe(X, naive.one_hot(truth, 3), covariance_type, prior)
    assert_allclose(model.means_[order], belief.means[np.argsort(belief.means.sum(1))], rtol=1e-9)


def test_the_best_of_several_starts_is_kept(rng, options):
    X = rng.normal(size=(80, 2))
    model = BayesianGaussianMixture(
        n_components=3, n_init=5, init_params="random_from_data", max_iter=300, **options
    ).fit(X)
    bounds = [record.lower_bound for record in model.init_results_]
    assert len(bounds) == 5
    assert model.lower_bound_ == max(bounds)
    assert [record.best for record in model.init_results_].index(True) == np.argmax(bounds)


def test_no_convergence_warns(rng):
    model = BayesianGaussianMixture(n_components=3, max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning, match="did not converge") as caught:
        model.fit(rng.normal(size=(60, 2)))
    assert caught[0].filename == __file__


# --- what a fit leaves behind ----------------------------------------------------------------------


def test_attributes_have_the_promised_types_and_shapes(
    blobs, dtype, options, covariance_type, kind
):
    X = blobs(n=90, d=4, dtype=dtype).X
    model = BayesianGaussianMixture(n_components=3, **options).fit(X)
    by_type = {"full": (3, 4, 4), "tied": (4, 4), "diag": (3, 4), "spherical": (3,)}
    by_type |= {"tied_diag": (4,), "tied_spherical": ()}
    expected = {"weights_": (3,), "means_": (3, 4), "mean_precision_": (3,), "mean_prior_": (4,)}
    expected |= dict.fromkeys(COMPONENTS[2:], by_type[covariance_type])
    if covariance_type.startswith("tied"):
        assert type(model.degrees_of_freedom_) is float
    else:
        expected["degrees_of_freedom_"] = (3,)
    if "spherical" in covariance_type:
        assert type(model.covariance_prior_) is float
    else:
        expected["covariance_prior_"] = (4,) if "diag" in covariance_type else (4, 4)
    for name, shape in expected.items():
        assert getattr(model, name).shape == shape, name
        assert getattr(model, name).dtype == dtype, name
    concentration = model.weight_concentration_
    assert isinstance(concentration, tuple) == (kind == "dirichlet_process")
    for part in concentration if isinstance(concentration, tuple) else [concentration]:
        assert part.shape == (3,)
        assert part.dtype == dtype
    assert type(model.lower_bound_) is float
    assert {type(bound) for bound in model.lower_bounds_} == {float}
    assert len(model.lower_bounds_) == model.n_iter_
    assert model.weight_concentration_prior_ == 1 / 3
    assert (model.mean_precision_prior_, model.degrees_of_freedom_prior_) == (1.0, 4)
    assert model.predict_proba(X).dtype == model.score_samples(X).dtype == dtype
    assert model.sample(5)[0].dtype == dtype


def test_ways_to_ask_agree(blobs, options, dtype, assert_same_bits):
    X = blobs(n=90, gap=2.0, dtype=dtype).X
    model = BayesianGaussianMixture(n_components=4, tol=0.5, **options)
    labels = model.fit_predict(X)
    assert_array_equal(labels, model.predict(X))
    assert_array_equal(labels, model.predict_proba(X).argmax(1))
    again = pickle.loads(pickle.dumps(model))
    for name in ("predict", "predict_proba", "score_samples", "score"):
        assert_same_bits(getattr(again, name)(X), getattr(model, name)(X), name)


def test_public_attributes_are_all_that_a_prediction_needs(blobs, options):
    X = blobs(n=90, gap=2.0).X
    model = BayesianGaussianMixture(n_components=4, **options).fit(X)
    bare = BayesianGaussianMixture(**model.get_params())
    bare.n_features_in_ = 2
    for name in (*POSTERIOR, "means_", "precisions_cholesky_"):
        setattr(bare, name, getattr(model, name))
    assert_allclose(bare.predict_proba(X), model.predict_proba(X), atol=1e-12)
    assert_allclose(bare.score_samples(X), model.score_samples(X), atol=1e-12)
    bare.means_ = model.means_ + 1
    assert_allclose(bare.score_samples(X + 1), model.score_samples(X), atol=1e-11)


@pytest.mark.parametrize("name", ["weight_concentration_prior_type", "covariance_type"])
def test_a_fit_of_another_type_is_not_read(blobs, name, unchanged):
    X = blobs(n=60).X
    model = BayesianGaussianMixture(n_components=2, random_state=0).fit(X)
    other = {"covariance_type": "diag", "weight_concentration_prior_type": "dirichlet_distribution"}
    model.set_params(**{name: other[name]})
    with unchanged(model, X), pytest.raises(ValueError, match=f"{name}=.*Set it back, or fit"):
        model.predict(X)
    model.set_params(warm_start=True)
    with unchanged(model, X), pytest.raises(ValueError, match=f"{name}=.*Set it back, or fit"):
        model.fit(X)


def test_a_sample_has_the_means_of_the_mixture(blobs, options):
    model = BayesianGaussianMixture(n_components=3, **options).fit(blobs(n=300).X)
    X, y = model.sample(3000, random_state=1)
    assert_array_equal(y, np.sort(y))
    for c in range(3):
        assert_allclose(X[y == c].mean(0), model.means_[c], atol=0.3)
    assert_allclose(np.bincount(y) / 3000, model.weights_, atol=0.05)


def test_a_refit_leaves_nothing_behind(blobs, options, assert_same_fit):
    X = blobs(n=60, d=3).X
    fresh = BayesianGaussianMixture(n_components=3, **options).fit(X)
    used = BayesianGaussianMixture(n_components=2, random_state=0).fit(X[:, :2])
    assert_same_fit(used.set_params(n_components=3, **options).fit(X), fresh)


# --- equalities --------------------------------------------------------------------------------------


@pytest.mark.compiled
@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_any_number_of_threads_gives_the_same_bits(blobs, dtype, options, assert_same_bits, fitted):
    X = blobs(n=20_000, d=4, k=5, gap=2.0, dtype=dtype).X
    one = BayesianGaussianMixture(n_components=5, n_threads=1, max_iter=8, **options).fit(X)
    for n_threads in (2, 3, 7, None):
        many = BayesianGaussianMixture(n_components=5, n_threads=n_threads, max_iter=8, **options)
        assert_same_bits(fitted(many.fit(X)), fitted(one), f"n_threads={n_threads}")
        assert_same_bits(many.predict_proba(X), one.predict_proba(X))


@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_float32_is_near_float64(blobs, options):
    X = blobs(n=200, d=3, gap=6.0, dtype="float32").X
    options |= {"n_components": 4, "max_iter": 30}
    single = BayesianGaussianMixture(**options).fit(X)
    double = BayesianGaussianMixture(**options).fit(X.astype(np.float64))
    assert_array_equal(single.predict(X), double.predict(X.astype(np.float64)))
    for name in ("weights_", "means_", "covariances_", "mean_precision_"):
        assert_allclose(getattr(single, name), getattr(double, name), rtol=1e-3, atol=1e-3)
    assert single.score(X) == pytest.approx(double.score(X.astype(np.float64)), rel=1e-4)


@pytest.mark.parametrize(("offset", "rtol"), [(1e3, 1e-9), (1e6, 1e-8), (1e8, 1e-6)])
@pytest.mark.parametrize("priors", ["default", "given"])
@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_an_offset_costs_no_accuracy(blobs, options, covariance_type, offset, rtol, priors):
    moved = blobs(n=90, d=2, gap=4.0).X + offset
    X = moved - offset  # exactly, so that both fits see the same problem
    options |= given_priors(covariance_type, 2) if priors == "given" else {}
    options |= {"n_components": 4, "max_iter": 40}
    expected = BayesianGaussianMixture(**options).fit(X)
    if priors == "given":
        options["mean_prior"] = options["mean_prior"] + offset
    got = BayesianGaussianMixture(**options).fit(moved)
    assert got.n_iter_ == expected.n_iter_
    for name in ("weights_", "covariances_", "covariance_prior_", "mean_precision_"):
        mine, other = getattr(got, name), getattr(expected, name)
        assert_allclose(mine, other, rtol=rtol, atol=rtol * np.abs(other).max(), err_msg=name)
    assert_allclose(got.means_ - offset, expected.means_, atol=offset * 1e-15 + 1e-8)
    assert_allclose(got.lower_bounds_, expected.lower_bounds_, rtol=max(rtol, 1e-8))
    assert_array_equal(got.predict(moved), expected.predict(X))


# --- weights -----------------------------------------------------------------------------------------


@pytest.fixture
def weighted(blobs, rng):
    return blobs(n=150, gap=4.0).X, rng.randint(4, size=150)


@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_whole_weights_are_repeated_rows(weighted, options):
    X, weight = weighted
    options |= {"n_components": 4, "max_iter": 20}
    got = BayesianGaussianMixture(**options).fit(X, sample_weight=weight)
    repeated = np.repeat(X, weight, axis=0)
    expected = BayesianGaussianMixture(**options).fit(repeated)
    assert got.n_iter_ == expected.n_iter_
    for name in ATTRIBUTES:
        mine, other = getattr(got, name), getattr(expected, name)
        assert_allclose(mine, other, rtol=1e-9, atol=1e-9, err_msg=name)
    assert_allclose(got.lower_bounds_, expected.lower_bounds_, rtol=1e-9)
    assert got.score(X, sample_weight=weight) == pytest.approx(expected.score(repeated), rel=1e-9)


@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_rows_without_weight_do_not_matter_but_get_a_label(weighted, options):
    X, weight = weighted
    options |= {"n_components": 4, "max_iter": 20}
    got = BayesianGaussianMixture(**options)
    labels = got.fit_predict(X, sample_weight=weight)
    held = weight > 0
    expected = BayesianGaussianMixture(**options).fit(X[held], sample_weight=weight[held])
    for name in ATTRIBUTES:
        mine, other = getattr(got, name), getattr(expected, name)
        assert_allclose(mine, other, rtol=1e-9, atol=1e-9, err_msg=name)
    assert_array_equal(labels, expected.predict(X))


def test_weights_are_evidence(blobs):
    X = blobs(n=60).X
    one = BayesianGaussianMixture(n_components=3, random_state=0).fit(X)
    many = BayesianGaussianMixture(n_components=3, random_state=0).fit(X, sample_weight=1000)
    assert many.mean_precision_.sum() == pytest.approx(60_000 + 3)
    assert one.mean_precision_.sum() == pytest.approx(60 + 3)
    assert_allclose(
        np.sort(many.means_[:, 0]), sorted(X[c::3, 0].mean() for c in range(3)), atol=2e-3
    )


@pytest.mark.parametrize("unit", [1e-308, 1e-300, 1e-3, 1e100, 1e300])
@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_a_unit_of_the_weights_that_no_row_has_is_borne(blobs, covariance_type, kind, unit):
    X = blobs(n=60, d=3).X
    model = BayesianGaussianMixture(
        n_components=3,
        covariance_type=covariance_type,
        weight_concentration_prior_type=kind,
        covariance_prior=given_priors(covariance_type, 3)["covariance_prior"],
        random_state=0,
        max_iter=5,
    ).fit(X, sample_weight=np.full(60, unit))
    assert np.isfinite(model.lower_bound_)
    assert np.isfinite(model.means_).all()
    assert np.isfinite(model.score_samples(X)).all()
    assert model.weights_.sum() == pytest.approx(1)
