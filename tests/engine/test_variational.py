"""The posterior M-step, its E-step and the bound it raises, against the definitions."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, stats

from fastmix.engine import em
from fastmix.engine.concentrations import WEIGHT_PRIORS
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.passes import accumulate, expect, infer
from fastmix.engine.variational import LEAST_LOG, Priors, Variational, moments
from fastmix.engine.whitening import CollapseError

EPS = np.finfo(np.float64).eps
K = 3
# posteriors of a few dozen rows: sums of numbers below 1000, whitened by matrices of condition 1e3
CLOSE = {"rtol": 1e-11, "atol": 1e-11}


@pytest.fixture(params=WEIGHT_PRIORS)
def kind(request):
    return request.param


@pytest.fixture
def prior(random_covariances, covariance_type, kind):
    """Maker of a prior that is nowhere the default, for oracle and engine."""

    def make(d):
        of_one = random_covariances(1, d)
        believed = of_one if covariance_type.startswith("tied") else of_one[0]
        values = 0.3, 2.5, np.linspace(-1, 2, d), d + 1.5, np.asarray(believed)
        oracles = naive.Prior(kind == "dirichlet_process", *values)
        return oracles, Priors(WEIGHT_PRIORS[kind], *values)

    return make


def assert_beliefs(got, expected, covariance_type, close=CLOSE):
    """The parameters are those of the belief."""
    posterior = got.posterior
    for mine, oracles in zip(posterior.concentration, expected.concentration, strict=True):
        assert_allclose(mine, np.array(oracles, np.float64), **close)
    assert_allclose(posterior.mean_precision, np.array(expected.mean_precision, float), **close)
    freedom = np.array(expected.degrees_of_freedom, np.float64)
    assert posterior.degrees_of_freedom.shape == (
        () if covariance_type.startswith("tied") else freedom.shape
    )
    assert_allclose(np.broadcast_to(posterior.degrees_of_freedom, freedom.shape), freedom, **close)
    assert_allclose(got.means, expected.means, **close)
    assert_allclose(got.covariances, expected.covariances, **close)
    assert_allclose(got.weights, naive.expected_weights(expected.concentration), **close)


# --- the step ----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["shared", "empty", "one row"])
@pytest.mark.parametrize("distance", [0.0, 3.0])
@pytest.mark.parametrize("d", [1, 4])
def test_the_posterior_is_that_of_the_definition(
    rng, packed, covariance, covariance_type, prior, case, distance, d
):
    X, resp = 2 + rng.normal(size=(50, d)), rng.dirichlet(np.ones(K), 50)
    if case != "shared":
        resp[:, 1] = 0.0
    if case == "one row":
        resp[7] = [0.0, 1.0, 0.0]
    oracles, mine = prior(d)
    totals = accumulate(packed(X), [resp], distance * rng.normal(size=(K, d)), covariance)
    model = Variational(covariance, 1e-3, mine)
    got = model.update(totals)
    expected = naive.believe(X, resp, covariance_type, oracles, 1e-3)
    assert_beliefs(got, expected, covariance_type)
    assert_array_equal(got.factor, covariance.factor(got.covariances))
    assert not model.complete
    assert_array_equal(model.first(totals).means, got.means)


def test_one_row_by_hand(packed, covariance):
    """A row at 3 and a prior worth one row at 1, of variance 2: the mean is 2, and so on."""
    model = Variational(
        covariance,
        0.0,
        Priors(
            WEIGHT_PRIORS["dirichlet_distribution"],
            1.0,
            1.0,
            np.array([1.0]),
            1.0,
            np.full(covariance.prior_shape(1), 2.0),
        ),
    )
    got = model.update(
        accumulate(packed(np.array([[3.0]])), [np.ones((1, 1))], np.zeros((1, 1)), covariance)
    )
    close = {"rtol": 100 * EPS}
    assert_allclose(got.means, [[2.0]], **close)
    assert_allclose(got.covariances.ravel(), [(2 + (3 - 1) ** 2 / 2) / 2], **close)
    assert_allclose(got.posterior.mean_precision, [2.0], **close)
    assert_allclose(got.posterior.degrees_of_freedom, 2.0, **close)
    assert_allclose(got.posterior.concentration, [[2.0]], **close)
    # digamma(1) = -gamma: E log of a Wishart's determinant, of 2 degrees of freedom and scale 1 / 4
    expected = (-np.log(2 * np.pi) + np.log(2 / 4) - np.euler_gamma - 1 / 2) / 2
    assert_allclose(got.log_const, [expected], **close)


def test_a_collapse_names_the_component(rng, packed, covariance):
    mine = Priors(
        WEIGHT_PRIORS["dirichlet_process"],
        1.0,
        1.0,
        np.zeros(2),
        2.0,
        np.zeros(covariance.prior_shape(2)),
    )
    totals = accumulate(
        packed(np.zeros((9, 2))), [np.ones((9, K)) / K], np.zeros((K, 2)), covariance
    )
    with pytest.raises(CollapseError, match="Fitting the mixture model failed"):
        Variational(covariance, 0.0, mine).update(totals)


# --- the E-step --------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 3])
def test_responsibilities_are_those_of_the_definition(
    rng, packed, covariance, covariance_type, prior, d
):
    X, resp = 2 + rng.normal(size=(50, d)), rng.dirichlet(np.ones(K), 50)
    oracles, mine = prior(d)
    totals = accumulate(packed(X), [resp], np.zeros((K, d)), covariance)
    fitted = Variational(covariance, 1e-3, mine).update(totals)
    frame = packed(X).frame
    found = infer(X, frame, fitted, covariance, 1, log_norm=True, resp=True)
    belief = naive.believe(X, resp, covariance_type, oracles, 1e-3)
    log_norm, expected = naive.responsibilities(naive.log_rho(X, belief, covariance_type))
    assert_allclose(found.log_norm, log_norm.astype(np.float64), **CLOSE)
    assert_allclose(found.resp, expected.astype(np.float64), **CLOSE)


def test_a_component_that_is_believed_empty_takes_no_row(rng, packed, covariance, kind):
    resp = np.zeros((40, 2))
    resp[:, 0] = 1.0
    shape = covariance.prior_shape(2)
    unit = np.eye(2) if len(shape) == 2 else np.ones(shape)
    mine = Priors(WEIGHT_PRIORS[kind], 1e-40, 1.0, np.zeros(2), 2.0, unit)
    model = Variational(covariance, 0.0, mine, dtype=np.dtype(np.float32))
    rows = packed(rng.normal(size=(40, 2)).astype(np.float32))
    got = model.update(accumulate(rows, [resp], np.zeros((2, 2)), covariance))
    assert np.isfinite(got.log_const).all()
    assert got.log_const.min() >= LEAST_LOG
    after = expect(rows, got, covariance)
    assert np.isfinite(model.bound(after, got, model.update(after)))


# --- weights of components ---------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 5])
def test_concentrations_are_those_of_the_definition(rng, kind, k):
    weights, counts = WEIGHT_PRIORS[kind], rng.uniform(0, 9, k)
    got = weights.posterior(0.4, counts)
    assert len(got) == weights.n_arrays
    if kind == "dirichlet_process":
        assert_allclose(got[0], 1 + counts)
        assert_allclose(got[1], [0.4 + counts[c + 1 :].sum() for c in range(k)])
    else:
        assert_allclose(got[0], 0.4 + counts)
    lists = tuple(list(part) for part in got)
    expected = np.array(naive.expected_log_weights(lists), np.float64)
    assert_allclose(weights.log_weights(got), expected, rtol=1e-13, atol=1e-13)
    assert_allclose(weights.weights(got), naive.expected_weights(lists), rtol=1e-13)
    assert weights.weights(got).sum() == pytest.approx(1, rel=1e-14)


def test_expected_log_weights_are_expectations():
    concentration = np.array([2.5, 1.5])
    share = stats.beta(*concentration)
    expected, _ = integrate.quad(lambda v: np.log(v) * share.pdf(v), 0, 1)
    (alone,) = WEIGHT_PRIORS["dirichlet_distribution"].log_weights((concentration,))[:1]
    first = WEIGHT_PRIORS["dirichlet_process"].log_weights(tuple(concentration[:, None]))
    assert alone == pytest.approx(expected, rel=1e-7)
    assert first == pytest.approx(expected, rel=1e-7)


def test_the_density_of_the_weights_integrates_to_one(kind):
    concentration = np.array([2.5, 1.5])
    weights = WEIGHT_PRIORS[kind]
    parts = tuple(concentration[:, None]) if weights.n_arrays == 2 else (concentration,)
    area, _ = integrate.quad(lambda v: v**1.5 * (1 - v) ** 0.5, 0, 1)
    assert weights.log_norm(parts) == pytest.approx(-np.log(area), rel=1e-7)


# --- the bound ---------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 3])
def test_the_bound_is_that_of_the_definition(rng, packed, covariance, covariance_type, prior, d):
    X, weight = 2 + rng.normal(size=(50, d)), rng.randint(0, 4, 50).astype(np.float64)
    resp = rng.dirichlet(np.ones(K), 50)
    oracles, mine = prior(d)
    rows = packed(X, 4 * weight)
    assert rows.weight_exponent > 0
    model = Variational(covariance, 1e-3, mine, rows.weight_exponent)
    before = model.update(accumulate(rows, [resp], np.zeros((K, d)), covariance))
    totals = expect(rows, before, covariance)
    after = model.update(totals)
    shared = 4 * weight[:, None] * resp
    belief = naive.believe(X, shared, covariance_type, oracles, 1e-3)
    _, resp = naive.responsibilities(naive.log_rho(X, belief, covariance_type))
    belief = naive.believe(X, 4 * weight[:, None] * resp, covariance_type, oracles, 1e-3)
    assert_beliefs(after, belief, covariance_type, {"rtol": 1e-9, "atol": 1e-9})
    expected = naive.evidence_bound(resp, 4 * weight, belief, covariance_type)
    assert model.bound(totals, before, after) == pytest.approx(expected, rel=1e-11, abs=1e-9)


@pytest.mark.compiled
def test_the_bound_of_float32_rows_hardly_falls(rng, packed, covariance):
    """Constants that the E-step rounds to float32 enter the bound as rounded, or it would jump."""
    half = 10_000
    X = np.r_[rng.normal(size=(half, 3)), rng.normal(size=(half, 3)) * [1, 2, 0.5] + 2]
    rows = packed(np.float32(40) * X.astype(np.float32))
    all_rows = moments(rows, covariance)
    prior = 0.3, 1.0, all_rows.mean, 3.0, all_rows.covariance
    mine = Priors(WEIGHT_PRIORS["dirichlet_process"], *prior)
    falls = []
    for dtype in (np.float32, np.float64):  # the second forgets of the rounding
        model = Variational(covariance, 0.0, mine, dtype=dtype)
        resp = np.random.RandomState(1).dirichlet(np.ones(2), 2 * half)
        start = model.update(accumulate(rows, [resp], np.zeros((2, 3)), covariance))
        history = em.run(rows, start, model, tol=0.0, max_iter=60).history
        falls.append(-np.diff(history).min())
    # float32 resolves a 1e-7 of a log-probability of 10; a bound sums them over all rows
    assert falls[0] < min(2 * half * 2e-7, falls[1]), falls


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(5, 80),
    d=st.integers(1, 4),
    k=st.integers(1, 6),
    concentration=st.sampled_from([1e-6, 0.1, 1.0, 100.0]),
    precision=st.sampled_from([1e-3, 1.0, 50.0]),
    freedom=st.sampled_from([-0.5, 0.0, 20.0]),
)
@pytest.mark.parametrize("name", COVARIANCES)
@pytest.mark.parametrize("process", WEIGHT_PRIORS)
def test_the_bound_never_falls(
    packed, name, process, seed, n, d, k, concentration, precision, freedom
):
    random, covariance = np.random.RandomState(seed), COVARIANCES[name]
    X = random.normal(size=(n, d)) * random.uniform(0.1, 3, d)
    rows = packed(X, random.uniform(0.1, 3, n))
    believed = moments(rows, covariance).covariance
    believed = believed + 0.1 * (np.eye(d) if believed.ndim == 2 else 1.0)
    mine = Priors(
        WEIGHT_PRIORS[process],
        concentration,
        precision,
        random.normal(size=d),
        d + freedom,
        believed,
    )
    model = Variational(covariance, 0.0, mine, rows.weight_exponent)
    resp = random.dirichlet(np.ones(k), n)
    start = model.update(accumulate(rows, [resp], np.zeros((k, d)), covariance))
    history = em.run(rows, start, model, tol=0.0, max_iter=12).history
    # a bound is a sum of n k terms of some hundreds
    assert np.diff(history).min(initial=0.0) >= -n * k * 500 * EPS


# --- priors from rows --------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, 3.0, 0.25])
def test_default_priors_are_moments_of_the_rows(rng, packed, covariance, covariance_type, weight):
    X = rng.normal(size=(70, 3)) @ rng.normal(size=(3, 3)) + [5.0, 0.0, -5.0]
    weight = None if weight is None else weight * rng.randint(0, 3, 70)
    got = moments(packed(X, weight), covariance)
    expected = naive.default_prior(X, 2, covariance_type, True, weight)
    assert got.covariance.shape == covariance.prior_shape(3) == expected.covariance.shape
    assert_allclose(got.mean, expected.mean, **CLOSE)
    assert_allclose(got.covariance, expected.covariance, **CLOSE)


def test_rows_that_count_as_one_have_no_sample_covariance(rng, packed, covariance):
    got = moments(packed(rng.normal(size=(4, 2)), np.full(4, 0.25)), covariance)
    assert got.size == 1.0
    with pytest.raises(ValueError, match=r"sums up to 1 rows.*Give covariance_prior"):
        _ = got.covariance
