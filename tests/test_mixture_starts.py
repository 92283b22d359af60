"""GaussianMixture: the inits, by name or by the caller, given parameters, several inits and warm starts."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.mixture import GaussianMixture as SklearnMixture

from fastmix import GaussianMixture
from fastmix.engine.starts import STARTS

NOT_CONVERGED = "ignore:Best performing initialization did not converge"
INITS = ["kmeans", "k-means++", "random", "random_from_data"]


@pytest.fixture(params=INITS, scope="session")
def init_params(request):
    return request.param


# --- the four inits --------------------------------------------------------------------------


@pytest.mark.usefixtures("in_sklearn")
@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_ends_where_scikit_learn_ends(blobs, init_params, covariance_type, seed):
    X = blobs(n=90, d=2, k=4, gap=10.0, seed=seed).X
    options = {"init_params": init_params, "covariance_type": covariance_type}
    options |= {"random_state": seed, "max_iter": 1000}
    ours, theirs = GaussianMixture(3, **options).fit(X), SklearnMixture(3, **options)
    if covariance_type == "tied" and init_params in ("k-means++", "random_from_data"):
        # scikit-learn's own start is the uncentred scatter of all rows: give it the centred one
        start = GaussianMixture(3, **options | {"max_iter": 0}).fit(X)
        theirs.set_params(weights_init=start.weights_, means_init=start.means_)
        theirs.set_params(precisions_init=start.precisions_)
    theirs.fit(X)
    assert ours.n_iter_ == theirs.n_iter_
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert_allclose(ours.means_, theirs.means_, rtol=1e-5, atol=1e-5)
    assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-4, atol=1e-4)
    assert ours.lower_bound_ == pytest.approx(theirs.lower_bound_, rel=1e-6)


def test_a_random_state_is_consumed_as_by_scikit_learn(blobs, init_params):
    X = blobs(n=60, k=3).X
    mine, his = np.random.RandomState(5), np.random.RandomState(5)
    GaussianMixture(3, init_params=init_params, n_init=2, random_state=mine).fit(X)
    SklearnMixture(3, init_params=init_params, n_init=2, random_state=his).fit(X)
    assert mine.uniform() == his.uniform()


def test_no_iterations_show_the_start(blobs, init_params, covariance_type):
    X = blobs(n=60, k=3, gap=4.0).X
    options = {"init_params": init_params, "covariance_type": covariance_type}
    gm = GaussianMixture(3, max_iter=0, random_state=0, **options).fit(X)
    assert gm.n_iter_ == 0
    assert gm.converged_ is False
    assert gm.lower_bound_ == -np.inf
    assert gm.lower_bounds_ == []
    assert gm.weights_.sum() == pytest.approx(1, rel=1e-12)
    if init_params in ("k-means++", "random_from_data"):  # every component is one row
        rows = [int(np.abs(X - mean).sum(axis=1).argmin()) for mean in gm.means_]
        assert len(set(rows)) == 3
        resp = np.zeros((60, 3))
        resp[rows, range(3)] = 1
        weights, means, covariances = naive.m_step(X, resp, covariance_type)
        assert_allclose(gm.weights_, weights, rtol=1e-12)
        assert_allclose(gm.means_, means, rtol=1e-12)
        assert_allclose(gm.covariances_, covariances, rtol=1e-6, atol=1e-15)


def test_random_responsibilities_start_as_drawn(blobs, covariance_type):
    X = blobs(n=60, gap=4.0).X
    options = {"init_params": "random", "covariance_type": covariance_type, "random_state": 7}
    resp = np.random.RandomState(7).uniform(size=(60, 3))
    expected = naive.m_step(X, resp / resp.sum(axis=1, keepdims=True), covariance_type)
    gm = GaussianMixture(3, max_iter=0, **options).fit(X)
    assert_allclose(gm.weights_, expected[0], rtol=1e-10)
    assert_allclose(gm.means_, expected[1], rtol=1e-10)
    assert_allclose(gm.covariances_, expected[2], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("offset", [2.0**10, 2.0**20])
@pytest.mark.parametrize("init", ["k-means++", "random_from_data"])
def test_a_tied_start_is_translation_invariant(blobs, init, offset):
    X = np.round(blobs(n=60).X * 2**10) / 2**10  # so that X + offset is exact
    options = {"covariance_type": "tied", "init_params": init, "max_iter": 0, "random_state": 0}
    here = GaussianMixture(3, **options).fit(X)
    there = GaussianMixture(3, **options).fit(X + offset)
    assert_allclose(there.covariances_, here.covariances_, rtol=1e-8, atol=1e-14)
    assert_allclose(there.means_ - offset, here.means_, atol=1e-8)


@pytest.mark.parametrize("init", ["k-means++", "random_from_data"])
def test_the_first_bound_is_of_weights_that_sum_to_one(blobs, init):
    X = blobs(n=60, k=3).X
    options = {"init_params": init, "random_state": 0, "reg_covar": 1.0}
    start = GaussianMixture(3, max_iter=0, **options).fit(X)
    first = GaussianMixture(3, **options).fit(X).lower_bounds_[0]
    assert start.score(X) == pytest.approx(first, rel=1e-12)
    log_norm, _ = naive.e_step(X, np.full(3, 1 / 3), start.means_, start.covariances_, "full")
    assert float(log_norm.mean()) == pytest.approx(first, rel=1e-9)


# --- whitened k-means ------------------------------------------------------------------------


def stretched(seed, n=400):
    """Two long parallel clusters, side by side: (n, 2), and their labels."""
    random = np.random.RandomState(seed)
    truth = np.arange(n) % 2
    X = np.c_[20 * random.normal(size=n), 2 * truth + 0.2 * random.normal(size=n)]
    angle = np.pi / 6
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return X @ turn, truth


@pytest.mark.parametrize("seed", range(4))
def test_whitened_k_means_rescues_stretched_data(seed):
    X, truth = stretched(seed)
    plain = GaussianMixture(2, random_state=seed).fit(X)
    rescued = GaussianMixture(2, init_params="kmeans-whitened", random_state=seed).fit(X)
    labels = rescued.predict(X)
    assert max(np.mean(labels == truth), np.mean(labels != truth)) == 1.0
    assert rescued.lower_bound_ > plain.lower_bound_ + 0.5
    theirs = SklearnMixture(2, random_state=seed).fit(X)
    assert theirs.lower_bound_ == pytest.approx(plain.lower_bound_, abs=1e-6)


def test_whitened_k_means_does_not_see_units(blobs):
    X = blobs(n=90, gap=4.0).X
    options = {"init_params": "kmeans-whitened", "random_state": 1, "reg_covar": 0.0}
    here = GaussianMixture(3, **options).fit(X)
    there = GaussianMixture(3, **options).fit(X * [2.0**-20, 2.0**20])
    assert_array_equal(there.predict(X * [2.0**-20, 2.0**20]), here.predict(X))
    assert_allclose(there.means_, here.means_ * [2.0**-20, 2.0**20], rtol=1e-7)


# --- starts of the caller --------------------------------------------------------------------


def shared(rng, form, n=60, k=3):
    """Labels (n,) or responsibilities (n, k), and both as responsibilities."""
    if form == "labels":
        labels = rng.permutation(np.arange(n) % k)
        return labels, naive.one_hot(labels, k)
    resp = rng.dirichlet(np.ones(k), n)
    return resp, resp


@pytest.mark.parametrize("form", ["labels", "responsibilities"])
@pytest.mark.parametrize("way", ["array", "list", "read-only", "callable"])
def test_a_given_start_is_the_m_step_of_the_definition(
    rng, blobs, covariance_type, form, way, unchanged
):
    X = blobs(n=60, gap=4.0).X + 100.0
    given, resp = shared(rng, form)
    init = {"array": given, "list": given.tolist(), "read-only": given.copy()}.get(way)
    if way == "read-only":
        init.setflags(write=False)
    elif way == "callable":
        init = lambda X, *, n_components, random_state: given  # noqa: E731
    gm = GaussianMixture(3, covariance_type=covariance_type, init_params=init, max_iter=0)
    with unchanged(given, X):
        gm.fit(X)
    expected = naive.m_step(X, resp, covariance_type)
    assert_allclose(gm.weights_, expected[0], rtol=1e-12)
    assert_allclose(gm.means_, expected[1], rtol=1e-12)
    assert_allclose(gm.covariances_, expected[2], rtol=1e-9, atol=1e-9)
    whole = gm.set_params(max_iter=300).fit(X)
    run = naive.em(X, covariance_type, resp=resp, max_iter=300)
    assert whole.n_iter_ == run.n_iter
    assert_allclose(whole.means_, run.means, rtol=1e-7)


def test_four_points_labelled_by_hand():
    X = np.array([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0]])
    gm = GaussianMixture(2, init_params=[0, 1, 0, 1], max_iter=0, covariance_type="diag").fit(X)
    assert_allclose(gm.means_, [[5, 0], [5, 2]], atol=1e-12)
    assert_allclose(gm.covariances_, [[25 + 1e-6, 1e-6]] * 2, atol=1e-12)


def test_a_callable_is_asked_once_a_start_with_x_and_the_random_state(blobs):
    X, stream, seen = blobs(n=60).X + 1000.0, np.random.RandomState(3), []

    def init(X, n_components, random_state):
        seen.append((X.copy(), n_components, random_state))
        return random_state.randint(n_components, size=len(X))

    gm = GaussianMixture(3, init_params=init, n_init=4, random_state=stream).fit(X)
    assert len(seen) == len(gm.init_results_) == 4
    for rows, k, random in seen:
        assert_array_equal(rows, X)
        assert k == 3
        assert random is stream
    again = GaussianMixture(3, init_params=init, n_init=4, random_state=3).fit(X)
    assert again.lower_bounds_ == gm.lower_bounds_


def test_a_callable_is_not_asked_where_all_parameters_are_given(blobs, mixture_start):
    X, truth, _ = blobs(n=60)
    given = mixture_start(X, truth, "full")
    gm = GaussianMixture(3, init_params=pytest.fail, **given).fit(X)
    assert gm.n_iter_ >= 1
    assert gm.set_params(warm_start=True).fit(X).n_iter_ == 1


def test_a_given_start_is_made_once(rng, blobs):
    X = blobs(n=60, gap=4.0).X
    labels, _ = shared(rng, "labels")
    message = "performing only one init in GaussianMixture instead of n_init=5"
    with pytest.warns(RuntimeWarning, match=message) as caught:
        gm = GaussianMixture(3, init_params=labels, n_init=5, max_iter=300).fit(X)
    assert caught[0].filename == __file__
    assert len(gm.init_results_) == 1
    assert (
        gm.lower_bounds_
        == GaussianMixture(3, init_params=labels, max_iter=300).fit(X).lower_bounds_
    )


@pytest.mark.parametrize("form", ["labels", "responsibilities"])
def test_a_clone_holds_the_given_start(rng, blobs, form, assert_same_fit):
    X = blobs(n=60, gap=4.0).X
    given, _ = shared(rng, form)
    gm = GaussianMixture(3, init_params=given)
    assert gm.get_params()["init_params"] is given
    assert_same_fit(clone(gm).fit(X), gm.fit(X))


BAD_SHARES = {
    "too few labels": (np.zeros(5, int), r"array of shape \(5,\)"),
    "floats": (np.zeros(6), "labels of dtype float64"),
    "negative label": ([0, 1, -1, 0, 1, 0], "labels from -1 to 1"),
    "label too great": ([0, 1, 2, 0, 1, 0], "labels from 0 to 2"),
    "columns": (np.full((6, 3), 1 / 3), r"array of shape \(6, 3\)"),
    "no array of rows": (np.zeros((6, 2, 1)), r"array of shape \(6, 2, 1\)"),
    "empty": ([], r"array of shape \(0,\)"),
    "negative": (np.tile([1.5, -0.5], (6, 1)), "responsibility of -0.5"),
    "sum": (np.full((6, 2), 0.4), "responsibilities of sum 0.8 in row 0"),
}


@pytest.mark.parametrize(("value", "message"), BAD_SHARES.values(), ids=BAD_SHARES)
@pytest.mark.parametrize("ask", [False, True], ids=["array", "callable"])
def test_bad_given_starts_are_refused(rng, value, message, ask, unchanged):
    X = rng.normal(size=(6, 2))
    gm = GaussianMixture(2, init_params=(lambda X, **_: value) if ask else value)
    with (
        unchanged(gm, X),
        pytest.raises(ValueError, match="init_params gives.*" + message) as error,
    ):
        gm.fit(X)
    assert "labels, whole numbers from 0 to 1, of shape (6,)" in str(error.value)
    assert "responsibilities, not negative and of sum 1 in every row, of shape (6, 2)" in str(
        error.value
    )


def test_a_missing_responsibility_is_refused(rng):
    resp = np.full((6, 2), 0.5)
    resp[3, 1] = np.nan
    with pytest.raises(ValueError, match="Input init_params contains NaN"):
        GaussianMixture(2, init_params=resp).fit(rng.normal(size=(6, 2)))


# --- given parameters ------------------------------------------------------------------------


def test_given_parameters_replace_their_part_of_the_start(blobs, covariance_type, mixture_start):
    X, truth, _ = blobs(n=60)
    given = mixture_start(X, truth, covariance_type)
    options = {"covariance_type": covariance_type, "max_iter": 0, "random_state": 0}
    plain = GaussianMixture(3, **options).fit(X)
    for name, fitted in [
        ("weights_init", "weights_"),
        ("means_init", "means_"),
        ("precisions_init", "precisions_"),
    ]:
        value = given[name] if name != "weights_init" else np.array([0.2, 0.3, 0.5])
        gm = GaussianMixture(3, **options, **{name: value}).fit(X)
        assert_allclose(getattr(gm, fitted), value, rtol=1e-9, atol=1e-12)
        for other in {"weights_", "means_", "precisions_"} - {fitted}:
            assert_allclose(getattr(gm, other), getattr(plain, other), rtol=1e-9, err_msg=other)


def test_without_iterations_covariances_are_those_of_the_given_precisions(
    blobs, covariance_type, mixture_start
):
    X, truth, _ = blobs(n=60, gap=3.0)
    given = mixture_start(X, truth, covariance_type)
    gm = GaussianMixture(3, covariance_type=covariance_type, max_iter=0, **given).fit(X)
    expected = naive.precisions(given["precisions_init"], covariance_type)
    assert_allclose(gm.covariances_, expected, rtol=1e-9, atol=1e-12)
    assert_allclose(gm.precisions_, given["precisions_init"], rtol=1e-9, atol=1e-12)
    assert gm.sample(3)[0].shape == (3, 2)


def test_given_precisions_become_an_upper_factor(rng):
    root = rng.normal(size=(2, 3, 3))
    precisions = root @ np.swapaxes(root, 1, 2) + np.eye(3)
    gm = GaussianMixture(2, precisions_init=precisions, max_iter=0, random_state=0)
    gm.fit(rng.normal(size=(30, 3)))
    assert_array_equal(np.tril(gm.precisions_cholesky_, -1), 0)
    factor = gm.precisions_cholesky_
    assert_allclose(factor @ np.swapaxes(factor, 1, 2), precisions, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("as_list", [False, True])
def test_given_parameters_stay_untouched(
    blobs, covariance_type, mixture_start, as_list, assert_same_bits
):
    X, truth, _ = blobs(n=60, gap=3.0)
    given = mixture_start(X, truth, covariance_type)
    if as_list:
        given = {name: value.tolist() for name, value in given.items()}
    else:
        for value in given.values():
            value.setflags(write=False)
    copies = {name: np.array(value) for name, value in given.items()}
    gm = GaussianMixture(3, covariance_type=covariance_type, **given).fit(X)
    for name, value in given.items():
        assert getattr(gm, name) is value, name
        assert_same_bits(np.array(value), copies[name], name)


def test_all_parameters_given_draw_nothing(blobs, covariance_type, mixture_start):
    X, truth, _ = blobs(n=60)
    stream = np.random.RandomState(3)
    given = mixture_start(X, truth, covariance_type)
    GaussianMixture(3, covariance_type=covariance_type, random_state=stream, **given).fit(X)
    assert stream.uniform() == np.random.RandomState(3).uniform()


# --- several inits ---------------------------------------------------------------------------


def test_every_init_leaves_a_record_and_the_best_wins(rng):
    X = rng.normal(size=(120, 2))
    options = {"init_params": "random_from_data", "max_iter": 300}
    gm = GaussianMixture(3, n_init=5, random_state=0, **options).fit(X)
    assert len(gm.init_results_) == 5
    bounds = [record.lower_bound for record in gm.init_results_]
    assert len(set(bounds)) > 1, "the inits must differ or the test shows nothing"
    assert gm.lower_bound_ == max(bounds)
    assert [record.best for record in gm.init_results_] == [
        i == bounds.index(max(bounds)) for i in range(5)
    ]
    stream = np.random.RandomState(0)
    for record in gm.init_results_:
        single = GaussianMixture(3, random_state=stream, **options).fit(X)
        assert list(record.history) == single.lower_bounds_
        assert record.lower_bound == single.lower_bound_ == record.history[-1]
        assert record.n_iter == single.n_iter_ == len(record.history)
        assert record.converged == single.converged_
    best = gm.init_results_[bounds.index(max(bounds))]
    assert list(best.history) == gm.lower_bounds_
    assert best.n_iter == gm.n_iter_


@pytest.mark.parametrize("name", STARTS)
def test_every_start_keeps_its_record(rng, name):
    X = rng.normal(size=(80, 2))
    gm = GaussianMixture(3, init_params=name, n_init=3, max_iter=300, random_state=0).fit(X)
    bounds = [record.lower_bound for record in gm.init_results_]
    assert gm.lower_bound_ == max(bounds)
    assert gm.lower_bounds_ == gm.init_results_[bounds.index(max(bounds))].history
    for record in gm.init_results_:
        assert len(record.history) == record.n_iter
        assert record.error is None
        assert record.events == ()


def test_a_failing_start_does_not_keep_the_others(rng):
    X, asked = rng.normal(size=(60, 2)), []

    def init(X, n_components, random_state):
        asked.append(0)
        labels = random_state.randint(n_components, size=len(X))
        return labels if len(asked) == 2 else (np.arange(len(X)) == 0).astype(int)  # a single row

    gm = GaussianMixture(2, init_params=init, n_init=3, reg_covar=0, max_iter=500, random_state=0)
    gm.fit(X)
    assert [record.best for record in gm.init_results_] == [False, True, False]
    for failed in (gm.init_results_[0], gm.init_results_[2]):
        assert "Component 1 (weight 0.0167) has collapsed" in failed.error
        assert (failed.n_iter, failed.converged, failed.lower_bound) == (0, False, -np.inf)
    assert gm.init_results_[1].error is None
    with pytest.raises(ValueError, match="Component 1"):
        gm.set_params(n_init=1, init_params=(np.arange(60) == 0).astype(int)).fit(X)


# --- warm start ------------------------------------------------------------------------------


@pytest.mark.filterwarnings(NOT_CONVERGED)
def test_warm_starts_continue_where_the_last_fit_ended(
    rng, covariance_type, mixture_start, assert_same_bits
):
    X = rng.normal(size=(100, 2))
    options = mixture_start(X, rng.dirichlet(np.ones(3), 100), covariance_type)
    options |= {"covariance_type": covariance_type, "tol": 1e-3}
    whole = GaussianMixture(3, max_iter=300, **options).fit(X)
    pieces = GaussianMixture(3, max_iter=1, warm_start=True, **options)
    bounds = []
    for _ in range(whole.n_iter_):
        bounds += pieces.fit(X).lower_bounds_
        assert pieces.n_iter_ == 1
    assert bounds == whole.lower_bounds_
    assert pieces.converged_ is True
    assert_same_bits(pieces.means_, whole.means_)
    assert_same_bits(pieces.covariances_, whole.covariances_)


def test_a_warm_start_from_the_optimum_needs_one_step(blobs):
    X = blobs(n=90).X
    gm = GaussianMixture(3, warm_start=True, random_state=0, n_init=4).fit(X)
    assert len(gm.init_results_) == 4
    assert gm.fit(X).n_iter_ == 1
    assert len(gm.lower_bounds_) == len(gm.init_results_) == 1


def test_without_warm_start_a_fit_starts_anew(blobs, assert_same_fit):
    X = blobs(n=90, gap=3.0).X
    gm = GaussianMixture(3, random_state=0).fit(X)
    first = GaussianMixture(3, random_state=0).fit(X)
    assert_same_fit(gm.fit(X), first)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_components": 4}, "n_components"),
        ({"covariance_type": "diag"}, "covariance_type"),
    ],
    ids=["n_components", "covariance_type"],
)
def test_a_warm_start_with_another_shape_is_refused(blobs, change, message, unchanged):
    X = blobs(n=90).X
    gm = GaussianMixture(3, warm_start=True, random_state=0).fit(X).set_params(**change)
    with unchanged(gm, X), pytest.raises(ValueError, match=message):
        gm.fit(X)


def test_a_warm_start_with_other_features_is_refused(blobs, unchanged):
    X = blobs(n=90, d=3).X
    gm = GaussianMixture(3, warm_start=True, random_state=0).fit(X)
    with unchanged(gm, X), pytest.raises(ValueError, match="features"):
        gm.fit(X[:, :2])


@pytest.mark.parametrize("make", [np.asfortranarray, lambda a: a[:, ::-1][:, ::-1], list])
def test_the_layout_of_means_init_does_not_matter(blobs, covariance_type, make, assert_same_fit):
    X, _, start = blobs(n=90, d=3)
    options = {"covariance_type": covariance_type, "random_state": 0}
    plain = GaussianMixture(3, means_init=start, **options).fit(X)
    assert_same_fit(plain, GaussianMixture(3, means_init=make(start), **options).fit(X))
    plain.means_, score = np.asfortranarray(plain.means_ + 1), None
    score = plain.score(X)
    plain.means_ = np.ascontiguousarray(plain.means_)
    assert plain.score(X) == score


def test_several_starts_without_iterations(blobs, covariance_type):
    X = blobs(n=90).X
    gm = GaussianMixture(3, covariance_type=covariance_type, n_init=3, max_iter=0).fit(X)
    assert gm.n_iter_ == 0
    assert [record.best for record in gm.init_results_] == [True, False, False]


def test_a_covariance_type_of_the_same_shape_is_noticed(rng):
    X = rng.normal(size=(60, 2))
    gm = GaussianMixture(2, covariance_type="diag", random_state=0).fit(X)
    gm.set_params(covariance_type="tied")
    with pytest.raises(ValueError, match=r"covariance_type='tied'.*covariance_type 'diag'"):
        gm.predict(X)


def test_the_history_of_a_start_is_a_list_of_its_own(blobs):
    gm = GaussianMixture(3, random_state=0).fit(blobs(n=90).X)
    gm.lower_bounds_.append(0.0)
    assert 0.0 not in gm.init_results_[0].history
