"""MiniBatchGaussianMixture: likelihood of batch EM in few epochs, streams, starts, drift, saved and going on."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, load_sample_image
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as SklearnMixture

import fastmix
from fastmix import GaussianMixture, MiniBatchGaussianMixture
from fastmix.engine import stepwise
from fastmix.engine.covariances import COVARIANCES
from fastmix.mixture import minibatch

epochs_end = pytest.mark.filterwarnings(
    "ignore:Best performing:sklearn.exceptions.ConvergenceWarning"
)
PARTS = ("weights_", "means_", "covariances_", "precisions_cholesky_")


@pytest.fixture
def start(blobs, mixture_start, covariance_type):
    """Maker of overlapping rows, and of the options of a mixture that is laid down for them."""

    def make(n=300, dtype="float64", gap=2.0):
        X, truth, _ = blobs(n=n, gap=gap, dtype=dtype)
        return X, {"covariance_type": covariance_type, **mixture_start(X, truth, covariance_type)}

    return make


def close(one, other, tolerance=1e-9):
    for name in PARTS:
        got, expected = getattr(one, name), getattr(other, name)
        assert_allclose(got, expected, rtol=tolerance, atol=tolerance, err_msg=name)


def streamed(model, X, n_batches, weight=None):
    for some in np.array_split(np.arange(len(X)), n_batches):
        model.partial_fit(X[some], sample_weight=None if weight is None else weight[some])
    return model


# --- as good as all rows at once -----------------------------------------------------------------


def ellipsoids(n, d, k, spread):
    random = np.random.RandomState(3)
    turns = np.linalg.qr(random.normal(size=(k, d, d)))[0] * random.uniform(0.5, 2.0, (k, 1, d))
    centers, labels = random.uniform(-spread, spread, (k, d)), random.randint(k, size=n)
    return np.einsum("nij,nj->ni", turns[labels], random.normal(size=(n, d))) + centers[labels]


DATA = {
    "ellipsoids": lambda: (ellipsoids(40_000, 8, 16, 5.0), 16, 1024),
    "overlapping": lambda: (ellipsoids(40_000, 5, 10, 1.5), 10, 1024),
    "pixels": lambda: (load_sample_image("china.jpg").reshape(-1, 3)[::4] / 255.0, 6, 256),
    "digits": lambda: (PCA(12, random_state=0).fit_transform(load_digits().data), 10, 1024),
}


@pytest.mark.compiled
@epochs_end
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_three_epochs_reach_the_likelihood_of_batch_em(name, covariance_type):
    X, k, batch_size = DATA[name]()
    options = {"covariance_type": covariance_type, "random_state": 0}
    begin = GaussianMixture(k, max_iter=0, **options).fit(X)
    options |= {"weights_init": begin.weights_, "means_init": begin.means_}
    options |= {"precisions_init": begin.precisions_}
    best = GaussianMixture(k, tol=1e-5, max_iter=1000, **options).fit(X).score(X)
    options |= {"batch_size": batch_size, "max_iter": 3, "tol": 0}
    got = MiniBatchGaussianMixture(k, **options).fit(X).score(X)
    assert got > best - 0.005 * abs(best)


# --- equalities ------------------------------------------------------------------------------------


def test_a_batch_of_all_rows_is_batch_em(start, dtype):
    X, options = start(dtype=dtype)
    expected = GaussianMixture(3, tol=1e-4, **options).fit(X)
    got = MiniBatchGaussianMixture(3, tol=1e-4, batch_size=len(X), random_state=0, **options).fit(X)
    close(got, expected, 1e-9 if dtype == np.float64 else 1e-3)
    assert got.n_iter_ == got.n_steps_ == expected.n_iter_
    assert got.converged_
    assert_allclose(got.lower_bounds_, expected.lower_bounds_, rtol=1e-5)
    assert got.lower_bound_ == got.lower_bounds_[-1]


@epochs_end
def test_fit_takes_the_steps_of_a_stream(start, assert_same_bits):
    X, options = start()
    options |= {"max_iter": 2, "batch_size": 40, "random_state": 5, "tol": 0}
    got = MiniBatchGaussianMixture(3, **options).fit(X)
    stream, random = MiniBatchGaussianMixture(3, **options), np.random.RandomState(5)
    order = random.permutation(len(X))
    parts = [order[:40], *np.array_split(order[40:], 7)]
    parts += np.array_split(random.permutation(order), 8)
    for part in parts:
        stream.partial_fit(X[part])
    for name in PARTS:
        assert_same_bits(getattr(got, name), getattr(stream, name))
    assert got.lower_bounds_ == stream.lower_bounds_
    assert got.n_steps_ == stream.n_steps_ == len(got.lower_bounds_) == 16


@pytest.mark.compiled
@epochs_end
@pytest.mark.parametrize("n_threads", [2, 3])
def test_the_number_of_threads_never_shows(rng, covariance_type, n_threads, assert_same_fit):
    X = rng.normal(size=(12_000, 6)) + 3.0 * rng.randint(3, size=(12_000, 1))
    options = {"covariance_type": covariance_type, "random_state": 0, "batch_size": 4000}
    alone, several = (
        MiniBatchGaussianMixture(12, max_iter=2, n_threads=n, **options) for n in (1, n_threads)
    )
    assert_same_fit(alone.fit(X), several.fit(X))
    assert_same_fit(alone.partial_fit(X[:5000]), several.partial_fit(X[:5000]))


def test_whole_weights_are_repeated_rows(start, rng):
    X, options = start()
    weight = rng.randint(4, size=len(X))
    weighted, repeated = (
        MiniBatchGaussianMixture(3, learning_decay=1.0, **options) for _ in range(2)
    )
    for some in np.split(np.arange(300), [100, 180]):
        # a mixture that is laid down is worth rows of the mean weight, which differs
        weighted.set_params(forgetting=0.4).partial_fit(X[some], sample_weight=weight[some])
        repeated.set_params(forgetting=0.4).partial_fit(np.repeat(X[some], weight[some], axis=0))
    close(weighted, repeated, 0.1)
    whole = [
        MiniBatchGaussianMixture(3, forgetting=1.0, **options).partial_fit(rows, sample_weight=w)
        for rows, w in ((X, weight), (np.repeat(X, weight, axis=0), None))
    ]
    close(*whole)


@epochs_end
@pytest.mark.parametrize("factor", [2.0**-800, 0.3, 1e290])
def test_the_unit_of_the_weights_does_not_matter(start, rng, factor):
    X, options = start()
    weight = rng.uniform(0.5, 2.0, len(X))
    one, other = (
        MiniBatchGaussianMixture(3, batch_size=60, max_iter=2, random_state=0, **options).fit(
            X, sample_weight=w
        )
        for w in (weight, factor * weight)
    )
    close(one, other, 1e-10)
    close(
        one.partial_fit(X, sample_weight=weight),
        other.partial_fit(X, sample_weight=factor * weight),
    )


@epochs_end
@pytest.mark.parametrize("value", [1e3, 1e290])
def test_rows_without_weight_do_not_matter(blobs, value, assert_same_bits):
    X = blobs(n=300).X
    weight = np.where(np.arange(300) % 5, 1.0, 0.0)
    masked = np.where(weight[:, None] > 0, X, value)
    models = [
        MiniBatchGaussianMixture(3, batch_size=50, max_iter=2, random_state=0).fit(
            rows, sample_weight=weight
        )
        for rows in (X, masked)
    ]
    streams = [
        streamed(MiniBatchGaussianMixture(3, random_state=0), rows, 5, weight)
        for rows in (X, masked)
    ]
    streams.append(streamed(MiniBatchGaussianMixture(3, random_state=0), X[weight > 0], 5))
    for name in PARTS:
        assert_same_bits(*(getattr(model, name) for model in models))
        assert_same_bits(*(getattr(model, name) for model in streams[:2]))
        assert_same_bits(*(getattr(model, name) for model in streams[1:]))


def test_float32_stays(start):
    X, options = start(dtype="float32")
    wide = streamed(MiniBatchGaussianMixture(3, **options), X.astype(np.float64), 6)
    model = streamed(MiniBatchGaussianMixture(3, **options), X, 6)
    assert {getattr(model, name).dtype for name in PARTS} == {np.dtype("float32")}
    assert model.predict_proba(X).dtype == np.float32
    close(model, wide, 2e-3)
    model.partial_fit(X.astype(np.float64))
    assert model.means_.dtype == np.float32


def test_an_offset_costs_nothing(start):
    X, options = start()
    near = streamed(MiniBatchGaussianMixture(3, **options), X, 9)
    options["means_init"] = options["means_init"] + 2.0**20
    far = streamed(MiniBatchGaussianMixture(3, **options), X + 2.0**20, 9)
    assert_allclose(far.means_ - 2.0**20, near.means_, atol=1e-8)
    assert_allclose(far.covariances_, near.covariances_, rtol=1e-7)


# --- streams ---------------------------------------------------------------------------------------


def test_first_rows_are_gathered_until_they_are_enough(blobs, covariance_type, assert_same_bits):
    X = blobs(n=400, gap=5.0).X
    enough = stepwise.enough(COVARIANCES[covariance_type], 3, 2)
    options = {"covariance_type": covariance_type, "random_state": 0, "init_params": "k-means++"}
    options |= {"reg_covar": 0.1, "init_params": lambda X, **_: np.arange(len(X)) % 3}
    bits = MiniBatchGaussianMixture(3, **options)
    for first in range(0, 400, 20):
        bits.partial_fit(X[first : first + 20])
        assert hasattr(bits, "_waiting") == (first + 20 < enough)
        assert hasattr(bits, "_memory") == (first + 20 >= enough)
        assert bits.predict(X).shape == (400,)
        if hasattr(bits, "_waiting"):  # the start alone
            begin = GaussianMixture(3, max_iter=0, **options).fit(X[: first + 20])
            close(bits, begin)
    assert bits.n_steps_ == len(bits.lower_bounds_) == 20
    gathered = -(-enough // 20) * 20
    whole = MiniBatchGaussianMixture(3, **options).partial_fit(X[:gathered])
    for first in range(gathered, 400, 20):
        whole.partial_fit(X[first : first + 20])
    for name in PARTS:
        assert_same_bits(getattr(bits, name), getattr(whole, name))


def test_init_size_says_how_many_rows_are_gathered(blobs):
    X = blobs(n=90).X
    model = MiniBatchGaussianMixture(3, init_size=10, reg_covar=0.1, random_state=0)
    assert not hasattr(model.partial_fit(X[:9]), "_memory")
    assert hasattr(model.partial_fit(X[9:10]), "_memory")


def test_single_rows_are_a_stream(blobs, covariance_type):
    X = blobs(n=900, gap=6.0).X
    model = MiniBatchGaussianMixture(3, covariance_type=covariance_type, random_state=0)
    model.partial_fit(X[:300])
    for row in X[300:]:
        model.partial_fit(row[None])
    whole = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    assert model.score(X) > whole.score(X) - 0.02
    assert model.n_steps_ == 601


def test_a_stream_that_drifts_is_followed_by_who_forgets(rng):
    follows, remembers = (
        MiniBatchGaussianMixture(2, random_state=0, forgetting=f) for f in (0.2, 0.0)
    )
    for t in range(150):
        X = (
            rng.normal(size=(100, 1))
            + np.array([[-4.0], [4.0]])[rng.randint(2, size=100)]
            + 0.1 * t
        )
        follows.partial_fit(X)
        remembers.partial_fit(X)
    where = 0.1 * 149 + np.array([-4.0, 4.0])
    assert_allclose(np.sort(follows.means_[:, 0]), where, atol=1.0)
    assert np.abs(np.sort(remembers.means_[:, 0]) - where).max() > 1.5


def test_a_stream_may_drift_far_away(rng):
    model = MiniBatchGaussianMixture(1, forgetting=0.5)
    for t in [*range(200), *[200] * 30]:
        model.partial_fit((rng.normal(size=(200, 2)) + 100.0 * t).astype(np.float32))
    assert_allclose(model.means_, [[20_000.0] * 2], atol=0.3)
    assert_allclose(model.covariances_[0], np.eye(2), atol=0.3)


def test_the_history_of_a_stream_is_bounded(blobs, monkeypatch):
    monkeypatch.setattr(minibatch, "HISTORY", 5)
    X = blobs(n=360).X
    model = streamed(MiniBatchGaussianMixture(3, random_state=0), X, 4)
    before = model.lower_bounds_
    streamed(model, X, 8)
    assert model.n_steps_ == 12
    assert len(model.lower_bounds_) == 5
    assert model.lower_bounds_[-1] == model.lower_bound_
    assert len(before) == 4, "no list that somebody may hold is changed"


def test_what_is_remembered_has_a_fixed_size(blobs):
    X = blobs(n=600).X
    model = streamed(MiniBatchGaussianMixture(3, random_state=0), X[:300], 4)
    model.lower_bounds_ = []
    before = len(pickle.dumps(model))
    streamed(model, X[300:], 4)
    model.lower_bounds_ = []
    assert abs(len(pickle.dumps(model)) - before) < 100


# --- going on ----------------------------------------------------------------------------------------


def moved(model, way, folder):
    if way == "pickle":
        return pickle.loads(pickle.dumps(model))
    model.save(folder / "stream")
    return fastmix.load(folder / "stream")


@pytest.mark.parametrize("way", ["pickle", "save"])
@pytest.mark.parametrize("n", [20, 80])  # rows that wait, and steps
def test_a_stream_goes_on_elsewhere(
    blobs, covariance_type, dtype, way, n, tmp_path, assert_same_bits
):
    X = blobs(n=8 * n, gap=3.0, dtype=dtype).X.reshape(8, n, 2)
    model = MiniBatchGaussianMixture(
        3, covariance_type=covariance_type, on_collapse="reseed", reg_covar=0.1, random_state=0
    )
    for batch in X[:2]:
        model.partial_fit(batch)
    again = moved(model, way, tmp_path)
    for batch in X[2:]:
        for each in (model, again):
            each.partial_fit(batch)
        assert_same_bits(vars(again), vars(model))


@epochs_end
def test_portions_go_on_from_a_fit_and_a_fit_forgets_them(blobs, assert_same_fit):
    X = blobs(n=400).X
    options = {"random_state": 0, "batch_size": 50, "max_iter": 2}
    model = MiniBatchGaussianMixture(3, **options).fit(X)
    steps = model.n_steps_
    assert model.partial_fit(X).n_steps_ == steps + 1
    assert len(model.lower_bounds_) == steps + 1
    fresh = MiniBatchGaussianMixture(3, **options)
    assert_same_fit(model.fit(X), fresh.fit(X))
    assert not hasattr(model, "_random_state")


def test_a_mixture_from_elsewhere_goes_on(blobs, covariance_type, in_sklearn):
    X = blobs(n=600, gap=5.0).X
    theirs = SklearnMixture(3, covariance_type=covariance_type, random_state=0).fit(X[:200])
    options = theirs.weights_, theirs.means_, theirs.covariances_
    converted = MiniBatchGaussianMixture.from_sklearn(theirs)
    laid_down = MiniBatchGaussianMixture.from_parameters(*options, covariance_type=covariance_type)
    close(converted, laid_down)
    assert converted.n_steps_ == 0
    for model in (converted, laid_down):
        streamed(model, X[200:], 4)
        assert model.n_steps_ == 4
        assert_allclose(model.means_, theirs.means_, atol=0.5)
        assert np.abs(model.means_ - theirs.means_).max() > 1e-3
    close(converted, laid_down)
    few = MiniBatchGaussianMixture.from_parameters(*options, covariance_type=covariance_type)
    few.partial_fit(X[:1])  # a row more is not everything
    assert_allclose(few.means_, theirs.means_, atol=0.3)


def test_scikit_learn_gets_a_gaussian_mixture(blobs, covariance_type, in_sklearn):
    X = blobs(n=300, gap=4.0).X
    model = streamed(MiniBatchGaussianMixture(3, covariance_type=covariance_type), X, 3)
    his = model.to_sklearn()
    assert type(his) is SklearnMixture
    assert (his.converged_, his.n_iter_) == (False, 0)
    assert not hasattr(his, "n_steps_")
    assert_allclose(his.score_samples(X), model.score_samples(X))
    assert his.bic(X) == pytest.approx(model.bic(X))
    fitted = MiniBatchGaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    assert fitted.to_sklearn().converged_ == fitted.converged_


def test_what_a_gaussian_mixture_can_be_asked(blobs):
    X = blobs(n=300, gap=4.0).X
    model = MiniBatchGaussianMixture(3, random_state=0).fit(X)
    same = GaussianMixture.from_parameters(model.weights_, model.means_, model.covariances_)
    for name in (
        "predict_proba",
        "score_samples",
        "uncertainty",
        "mahalanobis",
        "bic",
        "aic",
        "icl",
    ):
        assert_allclose(getattr(model, name)(X), getattr(same, name)(X), rtol=1e-9, atol=1e-12)
    assert_array_equal(MiniBatchGaussianMixture(3, random_state=0).fit_predict(X), model.predict(X))
    assert model.n_parameters_ == same.n_parameters_
    assert type(model.marginal([1])) is MiniBatchGaussianMixture
    assert model.condition([0], [0.0]).means_.shape == (3, 1)
    assert model.sample(20)[0].shape == (20, 2)


# --- starts ------------------------------------------------------------------------------------------


@epochs_end
def test_every_start_is_recorded(blobs):
    X = blobs(n=300, gap=3.0).X
    model = MiniBatchGaussianMixture(
        3, init_params="random_from_data", n_init=5, batch_size=40, max_iter=2, random_state=0
    ).fit(X)
    assert len(model.init_results_) == 5
    (best,) = [record for record in model.init_results_ if record.best]
    assert best.n_iter == model.n_iter_ == 2
    assert best.lower_bound == model.lower_bound_
    assert best.history == model.lower_bounds_
    assert [len(record.history) for record in model.init_results_ if not record.best] == [1] * 4


@epochs_end
def test_labels_and_callables_start_a_fit(blobs):
    X, truth, _ = blobs(n=300, gap=4.0)
    options = {"max_iter": 0, "batch_size": 50, "random_state": 0}
    seen = []

    def half(X, n_components, random_state):
        seen.append(X)
        return X[:, 0].argsort().argsort() * n_components // len(X)

    by_labels = MiniBatchGaussianMixture(3, init_params=truth, **options).fit(X)
    assert np.mean(by_labels.predict(X) == truth) > 0.97
    MiniBatchGaussianMixture(3, init_params=half, **options).fit(X)
    assert seen[0].shape == (150, 2)
    shares = np.eye(3)[truth]
    assert_allclose(
        MiniBatchGaussianMixture(3, init_params=shares, **options).fit(X).means_, by_labels.means_
    )


@epochs_end
def test_without_epochs_the_start_is_kept(start, assert_same_bits):
    X, options = start()
    model = MiniBatchGaussianMixture(3, max_iter=0, **options).fit(X)
    assert_allclose(model.means_, options["means_init"])
    assert (model.n_steps_, model.n_iter_, model.lower_bounds_) == (0, 0, [])
    model.partial_fit(X)
    assert np.abs(model.means_ - options["means_init"]).max() > 1e-6


def test_relative_regularisation_is_of_the_first_rows(blobs):
    X = blobs(n=300, gap=3.0).X
    models = [
        streamed(
            MiniBatchGaussianMixture(3, reg_covar=0.01, relative_reg_covar=True, random_state=0),
            unit * X,
            6,
        )
        for unit in (1.0, 1e-6)
    ]
    assert_allclose(1e12 * models[1].covariances_, models[0].covariances_, rtol=1e-9)


# --- collapse ----------------------------------------------------------------------------------------


@pytest.fixture
def narrow(rng):
    """Rows of which some are equal, and labels that make a component of them."""
    X = np.r_[rng.normal(size=(240, 2)), np.full((60, 2), 9.0)]
    order = rng.permutation(300)
    return X[order], np.where(order >= 240, 2, order % 2)


def collapsing(labels, **options):
    return MiniBatchGaussianMixture(
        3, init_params=labels, reg_covar=0, batch_size=100, max_iter=4, random_state=0, **options
    )


@epochs_end
def test_a_collapse_is_told_or_mended(narrow):
    X, labels = narrow
    with pytest.raises(ValueError, match=r"Component 2 .* has collapsed"):
        collapsing(labels).fit(X)
    for how, words in (("reseed", "restarted at row"), ("regularize", "added to its variances")):
        model = collapsing(labels, on_collapse=how)
        with pytest.warns(RuntimeWarning, match=words):
            model.fit(X)
        assert np.isfinite(model.score(X))
        assert any(words in event for event in model.init_results_[0].events)


def test_a_stream_that_collapses_is_as_it_was(rng, fitted, assert_same_bits):
    X = np.r_[rng.normal(size=(200, 2)), 90.0 + rng.normal(size=(200, 2))]
    model = MiniBatchGaussianMixture(2, reg_covar=0, forgetting=1.0, random_state=0).partial_fit(X)
    before, memory = deepcopy(fitted(model)), deepcopy(model._memory)
    equal = np.r_[X[:200], np.full((50, 2), 90.0)]
    with pytest.raises(ValueError, match="has collapsed"):
        model.partial_fit(equal)
    assert_same_bits(fitted(model), before)
    assert_same_bits(model._memory, memory)
    with pytest.warns(RuntimeWarning, match="added to its variances"):
        model.set_params(on_collapse="regularize").partial_fit(equal)
    assert np.isfinite(model.score(X))


# --- refused -------------------------------------------------------------------------------------------


def test_a_refused_portion_changes_nothing(blobs, fitted, assert_same_bits, assert_same_fit):
    X = blobs(n=90).X
    model, other = (MiniBatchGaussianMixture(3, random_state=0).partial_fit(X) for _ in range(2))
    before = deepcopy(fitted(model))
    for rows, weight, message in (
        (X[:, :1], None, "is expecting 2 features"),
        (X * np.nan, None, "contains NaN"),
        (X, -np.ones(90), "Negative values"),
        (X * 1e300, None, "too large"),
        (np.full((90, 2), 2.0**600), None, "so far from every component"),
    ):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(rows, sample_weight=weight)
        assert_same_bits(fitted(model), before)
    assert_same_fit(model.partial_fit(X), other.partial_fit(X))


def test_what_a_stream_cannot_change_is_named(blobs):
    X = blobs(n=90).X
    model = MiniBatchGaussianMixture(3, random_state=0).partial_fit(X)
    with pytest.raises(
        ValueError, match=r"partial_fit goes on .* n_components has changed from 3 to 4"
    ):
        model.set_params(n_components=4).partial_fit(X)
    with pytest.raises(ValueError, match="Set it back, or fit a new"):
        model.set_params(n_components=3, covariance_type="diag").partial_fit(X)


def test_too_few_first_rows_are_refused(blobs):
    X = blobs(n=90).X
    with pytest.raises(ValueError, match="n_components = 3, n_samples = 2"):
        MiniBatchGaussianMixture(3).partial_fit(X[:2])
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        MiniBatchGaussianMixture(1).partial_fit(X[:1])
    with pytest.raises(ValueError, match="n_samples = 2 of positive sample_weight"):
        MiniBatchGaussianMixture(3).fit(X, sample_weight=np.arange(90) < 2)


def test_labels_of_a_stream_are_refused(blobs):
    with pytest.raises(ValueError, match=r"init_params gives labels .* Name a start"):
        MiniBatchGaussianMixture(3, init_params=np.arange(90) % 3).partial_fit(blobs(n=90).X)


@pytest.mark.parametrize(
    "option",
    [
        {"learning_decay": 0.5},
        {"learning_decay": 1.1},
        {"forgetting": -0.1},
        {"forgetting": 1.1},
        {"batch_size": 0},
        {"init_size": 0},
        {"init_params": "best"},
    ],
)
def test_options_out_of_range_are_refused_by_name(option, blobs):
    (name,) = option
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=name):
            getattr(MiniBatchGaussianMixture(**option), method)(blobs(n=90).X)


# --- what is told --------------------------------------------------------------------------------------


def test_epochs_that_do_not_suffice_are_warned_of(blobs):
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        model = MiniBatchGaussianMixture(3, max_iter=1, batch_size=50).fit(blobs(n=300).X)
    assert not model.converged_


@epochs_end
def test_verbose_prints_epochs_and_batches(blobs, capsys):
    X = blobs(n=300).X
    model = MiniBatchGaussianMixture(3, batch_size=50, max_iter=2, tol=0, random_state=0)
    model.set_params(verbose=1).fit(X)
    assert capsys.readouterr().out.splitlines() == ["  Iteration 1", "  Iteration 2"]
    model.set_params(verbose=2, verbose_interval=2).fit(X)
    out = capsys.readouterr().out
    assert out.count("ll change") == 1
    assert str(model.fit_report_) in out
    steps = model.n_steps_
    model.partial_fit(X)
    assert f"Batch {steps + 1}\t log-likelihood -" in capsys.readouterr().out


def test_the_report_tells_of_phases(blobs):
    report = MiniBatchGaussianMixture(3, random_state=0).fit(blobs(n=300).X).fit_report_
    assert report.algorithms == ()
    assert report.seconds.passes > 0
    assert report.seconds.starts > 0
