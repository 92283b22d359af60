"""scikit-learn's callbacks: the tree of tasks, early stops, failures, its progress bar."""

import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

pytest.importorskip("sklearn.callback")

from sklearn.callback import ProgressBar

from fastmix import BisectingKMeans, KMeans, MiniBatchKMeans

FAMILY = [KMeans, MiniBatchKMeans, BisectingKMeans]
family = pytest.mark.parametrize("Estimator", FAMILY, ids=lambda cls: cls.__name__)


class Recorder:
    """Writes down what it is told, and may stop tasks of one name."""

    def __init__(self, stop=None):
        self.told, self.models, self.stop = [], [], stop

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.told.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, X, metadata, fitted_estimator):
        self.told.append(("end", context.task_name))
        self.metadata = metadata
        if fitted_estimator is not None:
            self.models.append(fitted_estimator.predict(X))
        return context.task_name == self.stop

    def count(self, name):
        begun = self.told.count(("begin", name))
        assert begun == self.told.count(("end", name))
        return begun


@family
def test_callbacks_change_no_result(Estimator, blobs, assert_same_fit):
    X = blobs(n=200, gap=3.0).X
    quiet = Estimator(3, random_state=0).fit(X)
    recorder = Recorder()
    told = Estimator(3, random_state=0).set_callbacks(recorder).fit(X)
    for name in ("labels_", "cluster_centers_"):
        assert_array_equal(getattr(quiet, name), getattr(told, name))
    assert recorder.told[0] == "setup"
    assert recorder.told[1] == ("begin", "fit")
    assert recorder.told[-2:] == [("end", "fit"), "teardown"]
    assert recorder.metadata is None
    assert not hasattr(told, "_callback_fit_ctx")


def test_every_iteration_of_every_start_is_told(blobs):
    X, recorder = blobs(n=200, gap=3.0).X, Recorder()
    weight = np.ones(200)
    km = KMeans(3, n_init=4, random_state=0).set_callbacks(recorder).fit(X, sample_weight=weight)
    assert recorder.count("start") == 4
    assert recorder.count("iteration") == sum(record.n_iter for record in km.init_results_)
    assert recorder.metadata["sample_weight"] is weight
    assert len(recorder.models[0]) == 200


def test_every_batch_is_told(blobs):
    recorder = Recorder()
    X = blobs(n=200, gap=3.0).X
    km = MiniBatchKMeans(3, batch_size=50, random_state=0).set_callbacks(recorder).fit(X)
    assert recorder.count("steps") == 1
    assert recorder.count("iteration") == km.n_steps_
    assert_array_equal(recorder.models[-1], km.labels_)


def test_every_split_is_told(blobs):
    recorder = Recorder()
    X = blobs(n=200, gap=3.0).X
    km = BisectingKMeans(5, n_init=2, random_state=0).set_callbacks(recorder).fit(X)
    assert recorder.count("split") == 4
    assert recorder.count("start") == 8
    assert recorder.count("iteration") == sum(record.n_iter for record in km.init_results_)
    assert_array_equal(recorder.models[-1], km.labels_)


@family
def test_a_callback_may_stop_iterations(Estimator, blobs):
    X, recorder = blobs(n=200, gap=1.0).X, Recorder(stop="iteration")
    km = Estimator(3, random_state=0).set_callbacks(recorder).fit(X)
    assert_array_equal(km.predict(X), km.labels_)
    if Estimator is KMeans:
        assert km.n_iter_ == 1
        assert not km.init_results_[0].converged
    if Estimator is MiniBatchKMeans:
        assert km.n_steps_ == 1


@family
def test_callbacks_are_freed_when_a_fit_fails(Estimator, unchanged):
    recorder = Recorder()
    model = Estimator(3).set_callbacks(recorder)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="n_samples=2"):
        model.fit(np.eye(2))
    assert recorder.told[-1] == "teardown"
    assert vars(model) == before


@family
@pytest.mark.filterwarnings("ignore")
def test_the_progress_bar_of_scikit_learn_works(Estimator, blobs, capsys):
    pytest.importorskip("rich")
    X = blobs(n=200, gap=3.0).X
    began = time.monotonic()
    Estimator(3, random_state=0).set_callbacks(ProgressBar()).fit(X)
    assert f"{Estimator.__name__} - fit" in capsys.readouterr().out
    assert time.monotonic() - began < 60
