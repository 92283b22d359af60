"""Models that are saved and loaded: the same bits, and a file that is whole whatever happens."""

import errno
import json
import os
import stat
import sys
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from surroundings import finish, start

import fastmix
from fastmix import (
    BayesianGaussianMixture,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    MiniBatchGaussianMixture,
    MiniBatchKMeans,
)
from fastmix.saving import archive

CLASSES = (KMeans, MiniBatchKMeans, BisectingKMeans, GaussianMixture, BayesianGaussianMixture)
CLASSES += (MiniBatchGaussianMixture,)
DISTRIBUTION = {"weight_concentration_prior_type": "dirichlet_distribution"}
MODELS = [
    (KMeans, {"n_init": 2}),
    (KMeans, {"init": [[0.0, 1.0], [5.0, 5.0], [9.0, 9.0]], "n_init": 1}),
    (MiniBatchKMeans, {"batch_size": 20}),
    (MiniBatchKMeans, {"compute_labels": False}),
    (BisectingKMeans, {}),
    (GaussianMixture, {}),
    (GaussianMixture, {"covariance_type": "tied", "accelerate": "squarem"}),
    (GaussianMixture, {"covariance_type": "tied_spherical", "warm_start": True}),
    (BayesianGaussianMixture, {}),
    (BayesianGaussianMixture, {"covariance_type": "tied_diag", **DISTRIBUTION}),
    (BayesianGaussianMixture, {"covariance_type": "spherical"}),
    (MiniBatchGaussianMixture, {"batch_size": 30}),
    (MiniBatchGaussianMixture, {"covariance_type": "tied_diag", "forgetting": 0.1}),
]
ANSWERS = ("predict", "transform", "predict_proba", "score_samples", "score", "bic", "mahalanobis")


def named(model):
    cls, options = model
    return "-".join([cls.__name__, *(f"{v}" for v in options.values() if isinstance(v, str))])


@pytest.fixture(params=MODELS, ids=named)
def model(request):
    """An estimator of every kind, not fitted."""
    cls, options = request.param
    return made(cls, **options)


def made(cls, k=3, **options):
    size = "n_components" if "Mixture" in cls.__name__ else "n_clusters"
    return cls(**{size: k, "random_state": 0} | options)


@pytest.fixture
def X(blobs, dtype):
    return blobs(n=60, gap=5.0, dtype=dtype).X


@pytest.fixture
def there_and_back(tmp_path):
    """What an estimator is after it was saved and loaded."""

    def move(estimator):
        estimator.save(tmp_path / "moved.fastmix")
        return fastmix.load(tmp_path / "moved.fastmix")

    return move


def answers(model, X):
    found = {name: getattr(model, name)(X) for name in ANSWERS if hasattr(model, name)}
    if hasattr(model, "sample"):
        found["sample"] = model.sample(9)
    return found


# --- the same bits -------------------------------------------------------------------------------


def test_an_estimator_that_is_not_fitted_comes_back(model, there_and_back, X, assert_same_bits):
    again = there_and_back(model)
    assert type(again) is type(model)
    wanted = {
        name: np.asarray(value) if isinstance(value, list) else value
        for name, value in vars(model).items()
    }
    assert_same_bits(vars(again), wanted)
    assert_same_bits(vars(again.fit(X)), vars(type(model)(**wanted).fit(X)))


def test_a_fitted_model_comes_back_and_answers_alike(
    model, there_and_back, X, unchanged, assert_same_bits, assert_same_fit
):
    model.fit(X)
    with unchanged(model):
        again = there_and_back(model)
    assert_same_fit(again, model)
    own = {name: value for name, value in vars(model).items() if name != "init"}
    assert_same_bits({name: vars(again)[name] for name in own}, own)
    assert vars(again).keys() == vars(model).keys()
    assert_same_bits(answers(again, X), answers(model, X))


def test_a_loaded_model_is_fitted_again_as_if_it_were_new(
    model, there_and_back, X, blobs, assert_same_fit
):
    other = blobs(n=50, gap=4.0, seed=3, dtype=X.dtype).X
    again = there_and_back(model.fit(X))
    assert_same_fit(again.fit(other), model.fit(other))


@pytest.mark.parametrize("seed", [0, None])
def test_portions_go_on_after_loading(there_and_back, blobs, dtype, seed, assert_same_bits):
    batches = blobs(n=90, gap=2.0, dtype=dtype).X.reshape(6, 15, 2)
    model = MiniBatchKMeans(3, batch_size=10, reassignment_ratio=0.5, random_state=seed)
    for batch in batches[:3]:
        model.partial_fit(batch)
    again = there_and_back(model)
    if seed is None:  # the stream of NumPy itself, which is not to be shared by the two
        model._random_state = np.random.RandomState()
        model._random_state.set_state(again._random_state.get_state())
    for batch in batches[3:]:
        for each in (model, again):
            each.partial_fit(batch)
        assert_same_bits(vars(again), vars(model))
        again = there_and_back(again)


@pytest.mark.parametrize("cls", [GaussianMixture, BayesianGaussianMixture])
def test_a_warm_start_goes_on_after_loading(cls, there_and_back, X, assert_same_fit):
    with pytest.warns(UserWarning, match="did not converge"):
        model = made(cls, max_iter=2, tol=0.0, warm_start=True).fit(X)
    again = there_and_back(model)
    for each in (model, again):
        each.set_params(max_iter=300, tol=1e-3).fit(X)
    assert_same_fit(again, model)
    assert model.lower_bounds_[0] != made(cls).fit(X).lower_bounds_[0], "it did go on"


def test_a_tree_is_walked_alike_after_loading(there_and_back, rng, assert_same_bits):
    X = rng.normal(size=(300, 2)) * [3, 1]
    model = BisectingKMeans(30, random_state=0).fit(X)
    again = there_and_back(model)
    assert (model.predict(X) != model.transform(X).argmin(1)).any(), "a walk that differs"
    assert_same_bits(vars(again), vars(model))
    assert_same_bits(again.predict(X), model.predict(X))


@pytest.mark.parametrize("cls", [KMeans, MiniBatchKMeans, BisectingKMeans])
def test_models_of_sparse_rows_come_back(cls, there_and_back, rng, assert_same_bits):
    X = csr_array(rng.poisson(0.5, size=(50, 4)).astype(float))
    model = cls(3, random_state=0).fit(X).set_output(transform="pandas")
    again = there_and_back(model)
    assert_same_bits(vars(again), vars(model))
    assert_array_equal(again.transform(X), model.transform(X))


@pytest.mark.parametrize("cls", CLASSES)
def test_names_of_features_come_back(cls, there_and_back, rng, assert_same_fit):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(rng.normal(size=(50, 2)), columns=["Höhe", "width"])
    model = made(cls, 2, tol=1e-2).fit(X)
    again = there_and_back(model)
    assert_same_fit(again, model)
    assert_array_equal(again.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        again.predict(X.rename(columns={"width": "depth"}))


def test_models_that_were_not_fitted_here_come_back(there_and_back, blobs, assert_same_bits):
    X = blobs(n=60).X
    laid_down = GaussianMixture.from_parameters([1.0], [[0.0, 1.0]], [np.eye(2)])
    models = [laid_down, laid_down.marginal([1])]
    models += [type(m).from_sklearn(m.fit(X).to_sklearn()) for m in map(made, CLASSES)]
    by_hand = KMeans(2)
    by_hand.cluster_centers_ = np.array([[1.0, 2.0], [3.0, 4.0]])
    for model in [*models, by_hand]:
        again = there_and_back(model)
        assert_same_bits(vars(again), vars(model))
        rows = X[:, : getattr(model, "n_features_in_", 2)]
        assert_array_equal(again.predict(rows), model.predict(rows))


def test_parameters_of_all_kinds_come_back(there_and_back, assert_same_bits):
    init = np.arange(6, dtype=">f4").reshape(3, 2)[:, ::-1]
    again = there_and_back(
        KMeans(
            np.int64(3),
            init=init,
            tol=np.float32(0.5),
            random_state=2**32 - 1,
            copy_x=np.bool_(False),
            algorithm=np.str_("lloyd"),
        )
    )
    assert again.n_clusters == 3
    assert_same_bits(again.init, np.array([[1, 0], [3, 2], [5, 4]], np.float32))
    assert (again.tol, again.random_state, again.copy_x) == (0.5, 2**32 - 1, False)
    assert again.algorithm == "lloyd"
    labels = [0, 1, 1]
    assert_same_bits(
        there_and_back(GaussianMixture(2, init_params=labels)).init_params, np.array(labels)
    )


# --- the file ------------------------------------------------------------------------------------


@pytest.mark.parametrize("to_path", [str, lambda path: path, os.fsencode])
def test_a_path_may_be_given_in_any_way(to_path, tmp_path, monkeypatch):
    path = tmp_path / "mödel"
    KMeans(5).save(to_path(path))
    assert fastmix.load(to_path(path)).n_clusters == 5
    monkeypatch.chdir(tmp_path)
    KMeans(6).save("mödel")
    assert fastmix.load(path).n_clusters == 6
    assert [each.name for each in tmp_path.iterdir()] == ["mödel"]


def test_numpy_reads_the_arrays_of_a_file(tmp_path, X):
    model = made(KMeans).fit(X)
    model.save(tmp_path / "model")
    with np.load(tmp_path / "model", allow_pickle=False) as file:
        assert_array_equal(file["cluster_centers_"], model.cluster_centers_)
        header = json.loads(file[archive.HEADER])
    assert header["class"] == "KMeans"
    assert header["fastmix"] == fastmix.__version__
    assert header["parameters"]["n_clusters"] == 3
    assert header["fitted"]["labels_"] == {"array": "labels_"}


def test_the_same_model_is_the_same_file(tmp_path, model, X):
    model.fit(X)
    for name in "ab":
        model.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX's permissions and links")
def test_permissions_and_links_are_kept(tmp_path):
    path, link = tmp_path / "model", tmp_path / "link"
    before = os.umask(0o027)
    try:
        KMeans(1).save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    link.symlink_to(path)
    KMeans(2).save(link)
    assert link.is_symlink()
    assert fastmix.load(path).n_clusters == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


# --- what cannot be saved ------------------------------------------------------------------------


def a_start(X, k, random_state):
    return X[:k]


class Silent:
    """A callback."""

    def setup(self, estimator, context):
        """Nothing."""

    teardown = on_fit_task_begin = on_fit_task_end = setup


def callbacks(model):
    if not hasattr(model, "set_callbacks"):
        pytest.skip("scikit-learn has no callbacks")
    return model.set_callbacks(Silent())


def note(model):
    model.note_ = "mine"
    return model


def by_hand(model):
    model = model.fit([[0.0], [1.0], [2.0]])
    model.cluster_centers_ = np.zeros((5, 1))
    return model


class Own(KMeans):
    """A class that is not fastmix's."""


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: KMeans(init=a_start), r"parameter init is <function.*set_params\(init=\.\.\.\)"),
        (lambda: GaussianMixture(init_params=a_start), "parameter init_params is <function"),
        (lambda: KMeans(random_state=np.random.RandomState(0)), "random_state is RandomState"),
        (lambda: KMeans(init=csr_array(np.eye(2))), "parameter init is <Compressed"),
        (lambda: KMeans(init=np.array([[object()]])), "parameter init is array"),
        (lambda: KMeans(n_clusters=0), "parameter n_clusters of KMeans cannot be 0"),
        (lambda: KMeans(algorithm="fast"), "parameter algorithm of KMeans cannot be 'fast'"),
        (lambda: callbacks(KMeans()), r"_skl_callbacks.*take them off by set_callbacks\(\)"),
        (lambda: note(KMeans()), "it has note_, which no file can hold"),
        (lambda: by_hand(KMeans(2)), "_n_features_out is 2, but k is 5"),
        (lambda: Own(), "it is of a class 'Own', not of .*KMeans"),
    ],
)
def test_what_cannot_be_saved_says_why_and_nothing_is_written(model, message, tmp_path):
    path = tmp_path / "model"
    path.write_text("as it was")
    estimator = model()
    with pytest.raises(
        ValueError, match=rf"{type(estimator).__name__} cannot be saved: .*{message}"
    ):
        estimator.save(path)
    assert path.read_text() == "as it was"
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_a_stream_of_another_generator_is_not_saved(tmp_path, X):
    model = MiniBatchKMeans(2).partial_fit(X)
    model._random_state = np.random.RandomState(np.random.PCG64(0))
    with pytest.raises(ValueError, match="_random_state is RandomState"):
        model.save(tmp_path / "model")


# --- when writing fails --------------------------------------------------------------------------


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "broken", ["numpy.lib.format.write_array", "os.fsync", "os.replace", "zipfile.ZipFile.writestr"]
)
def test_a_full_disk_leaves_the_old_file_whole(broken, tmp_path, X, monkeypatch):
    path = tmp_path / "model"
    KMeans(4).save(path)
    model = made(KMeans).fit(X)
    with monkeypatch.context() as patch:
        patch.setattr(broken, full)
        with pytest.raises(OSError, match="No space left") as caught:
            model.save(path)
    assert caught.value.filename == str(path)
    assert str(caught.value).endswith(repr(str(path)))
    assert [each.name for each in tmp_path.iterdir()] == ["model"]
    assert fastmix.load(path).n_clusters == 4


def test_an_interrupt_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "model"
    KMeans(4).save(path)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            KMeans(5).save(path)
    assert [each.name for each in tmp_path.iterdir()] == ["model"]
    assert fastmix.load(path).n_clusters == 4


def test_bytes_reach_the_disk_before_they_get_the_name(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    kind = {True: "folder", False: "file"}

    def syncing(handle):
        done.append(kind[stat.S_ISDIR(os.fstat(handle).st_mode)])
        return fsync(handle)

    def replacing(old, new):
        done.append("name")
        with zipfile.ZipFile(old) as whole:
            assert whole.testzip() is None
        return replace(old, new)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "replace", replacing)
    KMeans().save(tmp_path / "model")
    assert done[:2] == ["file", "name"]
    assert done[2:] == (["folder"] if os.name == "posix" else [])


LIMITED = """
import resource, signal, numpy as np, fastmix
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
model = fastmix.GaussianMixture.from_parameters([1.0], np.zeros((1, 99)), np.eye(99)[None])
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    model.save({path!r})
except OSError as error:
    print(error.filename)
"""
KILLED = """
import os, signal, fastmix
os.replace = lambda old, new: os.kill(os.getpid(), signal.SIGKILL)
fastmix.KMeans(5).save({path!r})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits and signals")
@pytest.mark.parametrize(("program", "left"), [(LIMITED, 0), (KILLED, 1)])
def test_a_process_that_ends_in_the_middle_leaves_the_old_file_whole(program, left, tmp_path):
    path = tmp_path / "model"
    KMeans(4).save(path)
    ended = finish(start("-c", program.format(path=str(path))))
    assert ended.status == (-9 if left else 0), ended.err
    assert ended.out == ("" if left else str(path))
    assert len(list(tmp_path.iterdir())) == 1 + left  # what a killed process cannot take away
    assert fastmix.load(path).n_clusters == 4


@pytest.mark.parametrize("where", ["missing/model", "folder", ""])
def test_a_place_that_cannot_be_written_is_named(where, tmp_path):
    (tmp_path / "folder").mkdir()
    path = tmp_path / where
    with pytest.raises(
        OSError, match=r"There is no folder '.*missing'|Not a file|denied"
    ) as caught:
        KMeans().save(path)
    assert caught.value.filename == str(path)
    assert "None" not in str(caught.value)
    assert {each.name for each in tmp_path.rglob("*")} == {"folder"}


@pytest.mark.parametrize("job", [KMeans().save, fastmix.load])
def test_a_path_of_another_kind_is_refused(job):
    for path in (3, None, [b"a"]):
        with pytest.raises(TypeError):
            job(path)
