"""select_gmm and select_kmeans: fits as by themselves, failures told, and the right number found."""

import importlib
import pickle
import re
import sys
import warnings
from pathlib import Path

import naive
import numpy as np
import pytest
import sklearn.mixture
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import calinski_harabasz_score

import fastmix
from fastmix import GaussianMixture, KMeans, select_gmm, select_kmeans
from fastmix.engine import starts
from fastmix.engine.covariances import COVARIANCES
from fastmix.plotting import SelectionDisplay
from fastmix.selection import Selection

FOUR_POINTS = np.array([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0]])


@pytest.fixture(scope="session")
def X(blobs):
    return blobs(n=150, d=2, k=3, gap=5.0).X


def lines(selection, **chosen):
    return [
        line
        for line in selection.table_
        if all(line[name] == value for name, value in chosen.items())
    ]


# --- every fit is the one that the estimator would have made ----------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_init": 2, "init_params": "kmeans-whitened"},
        {"init_params": "random_from_data", "max_iter": 200},
        {"n_init": 3, "on_collapse": "regularize", "relative_reg_covar": True},
    ],
    ids=lambda options: "-".join(map(str, options.values())) or "defaults",
)
def test_a_fit_is_that_of_the_mixture_to_the_last_bit(X, dtype, options, assert_same_fit):
    rows = X.astype(dtype)
    found = select_gmm(rows, [3, 1], random_state=4, criterion="icl", **options)
    assert len(found.table_) == 2 * len(COVARIANCES)
    for line in found.table_:
        k, kind = line["n_components"], line["covariance_type"]
        alone = GaussianMixture(k, covariance_type=kind, random_state=4, **options).fit(rows)
        got = [line[name] for name in ("bic", "aic", "icl", "n_parameters", "n_iter", "converged")]
        values = alone.bic(rows), alone.aic(rows), alone.icl(rows)
        assert got == [*values, alone.n_parameters_, alone.n_iter_, alone.converged_]
        assert line["log_likelihood"] == pytest.approx(len(X) * alone.score(rows))
        if line is found.table_[found.best_index_]:
            assert_same_fit(found.best_estimator_, alone)
            assert found.best_estimator_.get_params() == alone.get_params()


def test_weights_and_names_come_through(X, rng, assert_same_fit):
    pandas = pytest.importorskip("pandas")
    frame, weight = pandas.DataFrame(X, columns=["a", "b"]), rng.randint(0, 3, len(X))
    found = select_gmm(frame, [2, 3], "diag", sample_weight=weight, random_state=0)
    alone = GaussianMixture(**found.best_params_, random_state=0)
    assert_same_fit(found.best_estimator_, alone.fit(frame, sample_weight=weight))
    best = found.table_[found.best_index_]
    assert best["bic"] == alone.bic(frame, sample_weight=weight)
    km = select_kmeans(frame, [2, 3], sample_weight=weight, random_state=0)
    alone = KMeans(**km.best_params_, n_init=3, random_state=0)
    assert_same_fit(km.best_estimator_, alone.fit(frame, sample_weight=weight))


def test_types_share_the_clusterings_of_a_start(X, monkeypatch):
    asked, find = [], starts._clusters
    monkeypatch.setattr(starts, "_clusters", lambda *its: asked.append(its[1]) or find(*its))
    select_gmm(X, [2, 3], n_init=2, random_state=0)
    assert asked == [2, 2, 3, 3]
    asked.clear()
    select_gmm(X, [2], ["full", "diag"], init_params="kmeans-whitened", random_state=0)
    assert asked == [2]


@pytest.mark.parametrize("select", [select_gmm, select_kmeans])
def test_threads_change_no_bit(X, select, assert_same_fit):
    one, two = (select(X, [2, 3], random_state=0, n_threads=n) for n in (1, 2))
    assert_same_fit(one.best_estimator_.set_params(n_threads=2), two.best_estimator_)
    for line, other in zip(one.table_, two.table_, strict=True):
        assert line | {"seconds": 0} == other | {"seconds": 0}


@pytest.mark.parametrize("select", [select_gmm, select_kmeans])
def test_a_seed_is_drawn_once_and_told(X, select):
    first = select(X, [2, 3], random_state=np.random.RandomState(3))
    again = select(X, [2, 3], random_state=np.random.RandomState(3))
    seed = first.best_estimator_.random_state
    assert seed == again.best_estimator_.random_state == np.random.RandomState(3).randint(2**31 - 1)
    assert first.best_estimator_.set_params(random_state=None).fit(X)
    assert isinstance(select(X, [2]).best_estimator_.random_state, int)


@pytest.mark.parametrize("select", [select_gmm, select_kmeans])
def test_what_was_chosen_can_be_saved_and_the_result_pickled(X, select, tmp_path):
    found = select(X, [2, 3], random_state=0)
    found.best_estimator_.save(tmp_path / "model")
    np.testing.assert_array_equal(
        fastmix.load(tmp_path / "model").predict(X), found.best_estimator_.predict(X)
    )
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)


# --- the choice -------------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion", ["bic", "aic", "icl"])
def test_the_lowest_criterion_is_chosen(X, criterion):
    found = select_gmm(X, range(1, 5), ["full", "spherical"], criterion, random_state=0)
    values = [line[criterion] for line in found.table_]
    assert found.best_index_ == int(np.argmin(values))
    best = found.table_[found.best_index_]
    assert found.best_params_ == {name: best[name] for name in ("n_components", "covariance_type")}
    assert found.best_params_["n_components"] == 3
    assert (found.criterion, found.lower_is_better) == (criterion, True)
    assert ("icl" in best) == (criterion == "icl")


@pytest.mark.parametrize("criterion", ["calinski_harabasz", "silhouette", "bic"])
def test_every_criterion_of_k_means_finds_clusters_with_gaps(blobs, criterion):
    rows = blobs(n=200, d=3, k=5).X
    found = select_kmeans(rows, range(2, 9), criterion, random_state=0)
    assert found.best_params_ == {"n_clusters": 5}
    values = np.array([line[criterion] for line in found.table_])
    assert found.best_index_ == (values.argmin() if criterion == "bic" else values.argmax())


def test_one_cluster_is_told_from_two_by_bic(rng):
    found = select_kmeans(rng.normal(size=(200, 2)), range(1, 5), "bic", random_state=0)
    assert found.best_params_ == {"n_clusters": 1}
    first = found.table_[0]
    assert first["silhouette"] is first["calinski_harabasz"] is None


def test_criteria_of_k_means_are_what_their_papers_define(X, dtype):
    rows = X.astype(dtype)
    for line in select_kmeans(rows, [2, 3, 7], random_state=0).table_:
        k = line["n_clusters"]
        model = KMeans(k, n_init=3, random_state=0).fit(rows)
        tight = {"rtol": 1e-4 if dtype == "float32" else 1e-9}
        assert_allclose(line["inertia"], model.inertia_)
        expected = calinski_harabasz_score(rows.astype(np.float64), model.labels_)
        assert_allclose(line["calinski_harabasz"], expected, **tight)
        centers = model.cluster_centers_.astype(np.float64)
        nearest, second = np.sqrt(np.sort(naive.sq_distances(X, centers), axis=1)[:, :2]).T
        assert_allclose(line["silhouette"], np.mean(1 - nearest / second), **tight)
        variance = model.inertia_ / X.size
        shares = np.bincount(model.labels_) / len(X)
        log_prob = [
            np.log(shares[c]) + multivariate_normal(centers[c], variance * np.eye(2)).logpdf(x)
            for x, c in zip(X, model.labels_, strict=True)
        ]
        expected = -2 * np.sum(log_prob) + (2 * k + k) * np.log(len(X))
        assert_allclose(line["bic"], expected, **tight)


def test_criteria_of_four_points():
    """Centers (0, 1) and (10, 1): every row is 1 from its own, sqrt(101) from the other."""
    (line,) = select_kmeans(FOUR_POINTS, 2, random_state=0).table_
    assert line["silhouette"] == pytest.approx(1 - 1 / np.sqrt(101))
    assert line["calinski_harabasz"] == pytest.approx((100 / 1) / (4 / 2))
    spread = -8 / 2 * (np.log(2 * np.pi * 0.5) + 1)
    assert line["bic"] == pytest.approx(-2 * (4 * np.log(0.5) + spread) + 6 * np.log(4))


def test_a_row_alone_in_its_cluster_has_no_silhouette():
    (line,) = select_kmeans([[0.0], [1.0], [9.0]], 2, random_state=0).table_
    assert line["silhouette"] == pytest.approx(np.mean([1 - 0.5 / 9, 1 - 0.5 / 8, 0]))


@pytest.mark.parametrize("criterion", ["calinski_harabasz", "silhouette", "bic"])
def test_whole_weights_of_k_means_are_repeated_rows(X, rng, criterion):
    weight = rng.randint(1, 4, len(X))
    start = {"init": "k-means++", "random_state": 0, "n_init": 10}
    weighted = select_kmeans(X, [2, 3], criterion, sample_weight=weight, **start)
    repeated = select_kmeans(np.repeat(X, weight, axis=0), [2, 3], criterion, **start)
    for line, other in zip(weighted.table_, repeated.table_, strict=True):
        assert line[criterion] == pytest.approx(other[criterion], rel=1e-9)


def test_sparse_rows_give_the_criteria_of_dense_ones(rng):
    dense = np.where(rng.uniform(size=(120, 6)) < 0.5, 0.0, rng.normal(size=(120, 6)))
    both = [select_kmeans(its, [2, 4], random_state=0) for its in (dense, sparse.csr_matrix(dense))]
    for line, other in zip(both[0].table_, both[1].table_, strict=True):
        for name in ("calinski_harabasz", "silhouette", "bic"):
            assert line[name] == pytest.approx(other[name], rel=1e-9)


@pytest.mark.compiled
def test_components_are_found_as_often_as_by_scikit_learn(monkeypatch):
    """A small part of `python -m choosing` in asv_benchmarks/."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "asv_benchmarks"))
    mixtures = importlib.import_module("choosing.mixtures")
    ours = theirs = 0
    for seed in range(4):
        rows, k, _ = mixtures.generated(seed, 1500)
        found = select_gmm(rows, range(1, 9), mixtures.TYPES, random_state=0)
        ours += found.best_params_["n_components"] == k
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            bic = {
                (size, kind): sklearn.mixture.GaussianMixture(
                    size, covariance_type=kind, random_state=0
                )
                .fit(rows)
                .bic(rows)
                for size in range(1, 9)
                for kind in mixtures.TYPES
            }
        theirs += min(bic, key=bic.get)[0] == k
        for line in found.table_:
            same = bic[line["n_components"], line["covariance_type"]]
            assert line["bic"] == pytest.approx(same, rel=1e-6)
    assert ours >= max(theirs, 3)


@pytest.mark.compiled
def test_the_benchmark_of_choosing_runs(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "asv_benchmarks"))
    with warnings.catch_warnings():
        importlib.import_module("choosing.__main__").main(
            ["--mixtures", "1", "--rows", "300", "--rounds", "1"]
        )
    out = capsys.readouterr().out
    assert re.search(r"^found, of 1: fastmix \d, scikit-learn \d$", out, re.MULTILINE)


# --- failures and warnings --------------------------------------------------------------------------


def test_a_failure_is_a_line_of_the_table(rng):
    rows = np.r_[np.zeros((20, 2)), rng.normal(5.0, 1.0, size=(20, 2))]
    found = select_gmm(rows, [1, 2], ["full", "tied"], reg_covar=0.0, random_state=0)
    (line,) = lines(found, n_components=2, covariance_type="full")
    assert "has collapsed" in line["error"]
    assert line["bic"] is line["n_iter"] is line["converged"] is None
    assert line["seconds"] > 0
    assert [line["error"] for line in found.table_].count(None) == 3
    assert ", 1 of which failed." in repr(found)
    assert 'title="Fitting the mixture' in found._repr_html_()


@pytest.mark.parametrize("select", [select_gmm, select_kmeans])
def test_more_clusters_than_rows_are_a_failure(select):
    found = select(FOUR_POINTS, [5, 2], random_state=0)
    few = next(line for line in found.table_ if line["error"])
    assert "n_samples" in few["error"]
    assert next(iter(found.best_params_.values())) == 2


def test_clusters_that_rows_do_not_have_are_a_failure():
    found = select_kmeans(np.repeat(FOUR_POINTS, 3, axis=0), range(2, 7), random_state=0)
    assert found.best_params_ == {"n_clusters": 4}
    assert found.table_[2]["calinski_harabasz"] == np.inf
    assert found.table_[3]["error"] == (
        "X has 4 distinct clusters only, as rows are equal: fewer than 5."
    )


def test_calinski_harabasz_needs_more_weight_than_clusters():
    message = "calinski_harabasz needs more rows than clusters, but got 1 and 2."
    with pytest.raises(ValueError, match=f"All 1 fits failed.*{re.escape(message)}"):
        select_kmeans(FOUR_POINTS, 2, sample_weight=[0.25] * 4, random_state=0)


def test_where_all_fits_fail_the_first_says_why():
    message = (
        "All 2 fits failed. The first, n_components=3, covariance_type='full': Expected n_samples"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        select_gmm(FOUR_POINTS[:2], 3, ["full", "diag"])


def test_only_what_was_chosen_warns(X):
    with pytest.warns(ConvergenceWarning) as caught:
        select_gmm(X, [2, 3], ["full", "diag"], max_iter=1, random_state=0)
    assert [Path(each.filename).name for each in caught] == ["test_selection.py"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = select_gmm(X, [3, 9], "full", max_iter=5, random_state=0)
    assert [line["converged"] for line in found.table_] == [True, False]


@pytest.mark.parametrize("select", [select_gmm, select_kmeans])
def test_wrong_rows_and_parameters_are_no_failures_of_fits(X, select):
    bad = X.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"^Input X contains NaN"):
        select(bad)
    with pytest.raises(ValueError, match=r"^The 'tol' parameter of"):
        select(X, tol=-1.0)
    with pytest.raises(ValueError, match=r"^Negative values in data passed to `sample_weight`"):
        select(X, sample_weight=-np.ones(len(X)))
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        select(X, colour="red")


@pytest.mark.parametrize(
    ("select", "options", "message"),
    [
        (
            select_gmm,
            {"n_components": [2, 0]},
            "The parameter 'n_components' should be whole numbers from 1 on, at least one, but got "
            "[2, 0]. For example n_components=range(1, 11).",
        ),
        (select_gmm, {"n_components": []}, "at least one, but got []."),
        (select_gmm, {"n_components": 2.5}, "but got 2.5."),
        (select_gmm, {"n_components": "12"}, "but got '12'."),
        (
            select_gmm,
            {"covariance_types": ["full", "round"]},
            "The parameter 'covariance_types' should be 'all', or one or more of full, tied, diag, "
            "spherical, tied_diag, tied_spherical, but got ['full', 'round']. For example",
        ),
        (select_gmm, {"covariance_types": "round"}, "but got 'round'."),
        (select_gmm, {"covariance_types": 3}, "but got 3."),
        (select_gmm, {"covariance_types": [["full"]]}, "but got [['full']]."),
        (
            select_gmm,
            {"criterion": "silhouette"},
            "The parameter 'criterion' should be one of bic, aic, icl, but got 'silhouette'.",
        ),
        (
            select_kmeans,
            {"criterion": "inertia"},
            "The parameter 'criterion' should be one of calinski_harabasz, silhouette, bic, but got "
            "'inertia'; inertia always falls with more clusters, so it chooses none.",
        ),
        (
            select_kmeans,
            {"n_clusters": range(1, 4)},
            "should be whole numbers from 2 on, at least one, but got range(1, 4), and "
            "calinski_harabasz needs 2 clusters. For example n_clusters=range(2, 11).",
        ),
    ],
)
def test_errors_tell_what_is_allowed(X, select, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        select(X, **options)


def test_one_covariance_type_is_a_list_of_one(X):
    found = select_gmm(X, 2, "diag", random_state=0)
    assert found.best_params_ == {"n_components": 2, "covariance_type": "diag"}
    with pytest.raises(TypeError, match="give covariance_types="):
        select_gmm(X, covariance_type="diag")


# --- the ends of what was tried ---------------------------------------------------------------------


def few(sizes, values, least=1, name="n_components"):
    """A selection whose lowest value is the best."""
    lines = zip(sizes, values, strict=True)
    table = [{name: k, "bic": value, "error": None} for k, value in lines]
    best = int(np.argmin(values))
    return Selection("bic", True, table, best, {name: sizes[best]}, None, least)


def test_a_choice_at_an_end_says_what_to_try_next():
    assert few([2, 4, 3], [3.0, 1.0, 2.0]).advice_ == (
        "The best bic is that of n_components=4, the largest number tried: more may be better. Try "
        "more, for example n_components=range(2, 9)."
    )
    assert few([3, 4, 5], [1.0, 2.0, 3.0], 2, "n_clusters").advice_ == (
        "The best bic is that of n_clusters=3, the smallest number tried: fewer may be better. Try "
        "fewer, for example n_clusters=range(2, 6)."
    )


def test_elsewhere_there_is_nothing_to_try():
    assert few([1, 2, 3], [3.0, 1.0, 2.0]).advice_ is None  # within
    assert few([2, 3, 4], [1.0, 2.0, 3.0], least=2).advice_ is None  # there are no fewer
    assert few([2, 3], [2.0, 1.0]).advice_ is None  # of two, one is always at an end
    assert few([7], [2.0]).advice_ is None


@pytest.mark.parametrize(
    ("select", "criterion"), [(select_kmeans, "calinski_harabasz"), (select_gmm, "bic")]
)
def test_a_choice_at_an_end_warns(blobs, select, criterion):
    rows = blobs(n=200, d=3, k=5).X
    with pytest.warns(UserWarning, match="=5, the largest number tried") as caught:
        found = select(rows, [2, 3, 5], criterion=criterion, random_state=0)
    assert [Path(each.filename).name for each in caught] == ["test_selection.py"]
    assert found.advice_ == str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert select(rows, [4, 5, 6], criterion=criterion, random_state=0).advice_ is None


# --- the result -------------------------------------------------------------------------------------


def test_the_text_names_the_best_fits(X):
    text = repr(select_gmm(X, range(1, 5), "all", random_state=0))
    first, head, *rest = text.splitlines()
    assert re.fullmatch(
        r"GaussianMixture with n_components=3, covariance_type='\w+': the best bic \(lower is "
        r"better\) of 24 fits\.",
        first,
    )
    assert head.split() == ["n_components", "covariance_type", "bic"]
    values = [float(line.split()[-1]) for line in rest]
    assert len(values) == 5
    assert values == sorted(values)
    assert "(higher is better)" in repr(select_kmeans(X, [2, 3], random_state=0))


def test_notebooks_show_a_table_with_the_choice_in_bold(X):
    html = select_gmm(X, [2, 3], ["full", "diag"], random_state=0)._repr_html_()
    assert re.findall("<th>(.*?)</th>", html) == ["n_components", "full", "diag", "2", "3"]
    assert (html.count("<td>"), html.count("<strong>")) == (4, 1)
    html = select_kmeans(X, [2, 3], random_state=0)._repr_html_()
    assert re.findall("<th>(.*?)</th>", html) == ["n_clusters", "calinski_harabasz", "2", "3"]


def test_html_is_escaped():
    table = [{"k": 2, "bic": None, "error": '<b>"&'}, {"k": 3, "bic": 1.0, "error": None}]
    html = Selection("bic", True, table, 1, {"k": 3}, KMeans(3))._repr_html_()
    assert '<td title="&lt;b&gt;&quot;&amp;">failed</td>' in html


def test_the_table_becomes_a_frame_where_pandas_is_there(X, monkeypatch):
    pandas = pytest.importorskip("pandas")
    found = select_kmeans(X, [2, 3], random_state=0)
    frame = found.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(found.table_[0])
    assert frame["n_clusters"].tolist() == [2, 3]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="read table_, which is a list of dicts"):
        found.to_frame()


def test_the_result_draws_itself(X):
    from matplotlib import pyplot as plt

    found = select_kmeans(X, [2, 3], random_state=0)
    figure, ax = plt.subplots()
    display = found.plot(ax)
    assert isinstance(display, SelectionDisplay)
    assert display.ax_ is ax
    assert found.plot().ax_ is ax  # the current one
    plt.close(figure)


def test_progress_is_told_on_request_only(X, capsys):
    select_gmm(X, [1, 2], "diag", random_state=0)
    assert capsys.readouterr() == ("", "")
    select_gmm(X, [1, 2], "diag", random_state=0, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "choosing by bic: 100%" in err
