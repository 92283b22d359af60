"""What a fit tells of itself: which algorithm did its passes, why, and where the time went."""

import time

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

import fastmix
from fastmix import (
    BayesianGaussianMixture,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    MiniBatchKMeans,
)
from fastmix.engine.algorithms import ALGORITHMS
from fastmix.engine.report import FitReport, Log, Seconds


@pytest.fixture(scope="module")
def X():
    random = np.random.RandomState(0)
    return random.normal(size=(24_000, 3)) + 20.0 * random.randint(0, 4, size=(24_000, 3))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_names_the_algorithm_of_every_pass_and_what_that_skipped(X, algorithm):
    model = KMeans(20, algorithm=algorithm, random_state=0, max_iter=5, tol=0).fit(X)
    report, record = model.fit_report_, model.init_results_[0]
    assert set(report.algorithms) == {record.algorithm}
    assert algorithm in (record.algorithm, "auto")
    assert len(report.algorithms) == len(report.skipped)
    assert len(report.skipped) - model.n_iter_ in (0, 1)  # labels of centers that still move
    assert_allclose(np.mean(report.skipped), record.skipped)
    assert all(0 <= share < 1 for share in report.skipped)


@pytest.mark.parametrize(
    ("shape", "k", "words"),
    [
        ((200, 2), 3, "200 rows, 3 centers, 2 features: all distances cost less"),
        ((24_000, 3), 9, "24,000 rows, 9 centers, 3 features: boxes of neighbouring rows"),
        ((3_000, 9), 70, "3,000 rows, 70 centers, 9 features: bounds cost less"),
    ],
)
def test_it_tells_why_auto_has_chosen(shape, k, words):
    X = np.random.RandomState(0).normal(size=shape)
    report = KMeans(k, max_iter=2, n_init=1, random_state=0).fit(X).fit_report_
    assert report.reason.startswith(words)
    assert words in str(report)


def test_what_was_asked_for_and_sparse_rows_are_reasons_too(X):
    asked = KMeans(3, algorithm="hamerly", random_state=0).fit(X[:500]).fit_report_
    assert asked.reason == "algorithm='hamerly' was asked for"
    sparse = KMeans(3, random_state=0).fit(csr_array(X[:500])).fit_report_
    assert sparse.reason == "rows are sparse"


@pytest.mark.parametrize("cls", [GaussianMixture, BayesianGaussianMixture])
def test_mixtures_tell_how_passes_were_done(cls):
    random = np.random.RandomState(0)
    X = random.normal(size=(36_000, 2)) + 20.0 * random.randint(0, 2, size=(36_000, 2))
    model = cls(n_components=4, random_state=0, max_iter=4, tol=0)
    with pytest.warns(match="did not converge"):
        report = model.fit(X).fit_report_
    assert report.algorithms == ("dense", "dense", "skipping", "skipping")
    assert "% of the pairs of component and tile of rows matter" in report.reason
    few = cls(n_components=2, random_state=0).fit(X[:100])
    assert set(few.fit_report_.algorithms) == {"dense"}
    assert len(few.fit_report_.algorithms) == few.n_iter_


@pytest.mark.parametrize("make", [KMeans, GaussianMixture])
def test_seconds_of_the_phases_are_those_of_the_fit(X, make):
    model = make(8, random_state=0, max_iter=100, tol=1e-3).fit(X)
    began = time.perf_counter()
    report = model.fit(X).fit_report_
    took = time.perf_counter() - began
    assert all(second > 0 for second in report.seconds)
    assert 0.5 * took < sum(report.seconds) <= took


def test_time_belongs_to_the_phase_that_ends(monkeypatch):
    times = iter([10.0, 11.0, 13.0, 17.0, 17.5])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    log = Log()
    for phase in ("rows", "passes", "rows"):
        log.lap(phase)
    assert log.report(1).seconds == Seconds(rows=5.0, passes=2.0, results=0.5)


def test_it_is_told_in_words():
    seconds = Seconds(0.001, 0.002, 0.0, 0.25, 0.0)
    report = FitReport(("a", "a", "b"), "of size", [0.0, 0.5, 1.0], seconds, 2)
    assert str(report).splitlines() == [
        "0.253 s on up to 2 threads: checks 0.001, rows 0.002, passes 0.25.",
        "Passes of the run that was kept: 2 by a, then 1 by b; of size.",
        "Distances not computed: 50.0% on average, 0.0% in the first pass, 100.0% at most.",
    ]


@pytest.mark.parametrize("make", [MiniBatchKMeans, BisectingKMeans])
def test_the_others_tell_of_phases_only(X, make):
    report = make(4, random_state=0).fit(X).fit_report_
    assert report.algorithms == ()
    assert report.seconds.passes > 0
    assert len(str(report).splitlines()) == 1


@pytest.mark.parametrize("make", [KMeans, MiniBatchKMeans, BisectingKMeans, GaussianMixture])
def test_verbose_prints_it(X, capsys, make):
    model = make(2, random_state=0, verbose=1).fit(X[:200])
    assert str(model.fit_report_) not in capsys.readouterr().out
    model.set_params(verbose=2).fit(X[:200])
    assert str(model.fit_report_) in capsys.readouterr().out


def test_a_fit_that_fails_leaves_the_old_report(X):
    model = KMeans(2, random_state=0).fit(X[:200])
    before = model.fit_report_
    with pytest.raises(ValueError, match="n_samples=1 "):
        model.fit(X[:1])
    assert model.fit_report_ is before


@pytest.mark.parametrize("make", [KMeans, MiniBatchKMeans, BisectingKMeans, GaussianMixture])
def test_it_is_saved_with_the_model(X, make, tmp_path):
    model = make(3, random_state=0).fit(X[:500])
    model.save(tmp_path / "model")
    assert fastmix.load(tmp_path / "model").fit_report_ == model.fit_report_
