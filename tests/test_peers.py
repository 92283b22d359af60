"""The benchmark against rivals: its table, its judge, its records, and what it makes of them."""

import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

ROOT = Path(__file__).parents[1]
CHOSEN = ["k-means: tiny", "mixtures: full 500", "predictions: predict 300,000", "k=5 of"]


@pytest.fixture
def peers(monkeypatch):
    """The modules of the benchmark by name."""
    monkeypatch.syspath_prepend(str(ROOT / "asv_benchmarks"))
    return lambda name: importlib.import_module(f"peers.{name}")


@pytest.fixture
def results(peers):
    """Made-up results: a win, a loss with a note, a failure and a missed promise."""
    case = next(iter(peers("cases").CASES.values()))
    ran = {"rounds": [1.0], "first": 1.0, "measured": "inertia", "objective": 3.0, "reported": 3.0}
    rivals = {
        "fastmix": ran | {"seconds": 1.0, "note": ""},
        "scikit-learn": ran | {"seconds": 4.0, "note": ""},
        "faiss-cpu": ran | {"seconds": 0.5, "note": "float32"},
        "mlpack": {"reason": "ValueError: planted"},
    }
    run = {
        "date": "today",
        "processor": "CPU",
        "cpus": 2,
        "threads": 2,
        "load": 0.0,
        "system": "OS",
    }
    found = {"runs": [], "cases": {}}
    memory = {"fastmix": 10_000_000, "scikit-learn": 30_000_000}
    peers("results").add(found, run | {"versions": {"numpy": "2"}}, case, rivals, memory)
    return found


def test_every_row_of_the_issues_is_a_case(peers):
    cases = peers("cases").CASES.values()
    families = [case.family for case in cases]
    assert [families.count(name) for name in ("k-means", "k-means, default fit")] == [10, 4]
    assert [families.count(name) for name in ("mixtures", "mixtures, default fit")] == [10, 2]
    assert families.count("mixtures, only the means given") == 10
    assert {case.method for case in cases} == {
        "fit", "predict", "transform", "predict_proba", "score_samples",
    }  # fmt: skip
    assert {case.axis for case in cases} == {"", "n", "d", "k", "threads"}


def test_every_rival_has_a_file_that_imports_without_it(peers):
    rivals = peers("rivals")
    for name in rivals.NAMES:
        rival = rivals.load(name)
        assert rival.PACKAGE == name
        assert callable(rival.prepare)
    files = {path.stem for path in Path(rivals.__file__).parent.glob("*.py")}
    assert len(files - {"__init__", "estimator"}) == len(rivals.NAMES) == 9


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_judge_equals_scipy_s_densities(peers, covariance_type):
    rng = np.random.default_rng(0)
    k = d = 3  # the shapes of all types but full are then alike
    X, means = rng.standard_normal((50, d)), rng.standard_normal((k, d))
    weights = np.array([0.2, 0.3, 0.5])
    roots = rng.standard_normal((k, d, d))
    full = roots @ roots.transpose(0, 2, 1) + np.eye(d)
    variances = full.diagonal(axis1=1, axis2=2)
    covariances = {
        "full": full, "tied": full[0], "diag": variances, "spherical": variances[:, 0],
    }[covariance_type]  # fmt: skip
    dense = {
        "full": full,
        "tied": np.repeat(full[:1], k, axis=0),
        "diag": np.stack([np.diag(v) for v in variances]),
        "spherical": np.stack([v[0] * np.eye(d) for v in variances]),
    }[covariance_type]
    case = peers("cases").MIXTURES[0]._replace(options={"covariance_type": covariance_type})
    task = peers("task")
    answer = task.Answer(mixture=(weights, means, covariances))
    what, got = peers("judge").judge(task.Task(case, X, {}, 1), answer)
    density = sum(
        w * multivariate_normal(m, c).pdf(X) for w, m, c in zip(weights, means, dense, strict=True)
    )
    assert what == "mean log-likelihood"
    assert got == pytest.approx(np.log(density).mean(), rel=1e-12)


def test_judge_equals_inertia_by_hand(peers):
    task = peers("task")
    X = np.array([[0.0, 0.0], [2.0, 0.0], [10.0, 0.0], [10.0, 2.0]])
    answer = task.Answer(centers=np.array([[1.0, 0.0], [10.0, 1.0]]))
    case = peers("cases").KMEANS[0]
    assert peers("judge").judge(task.Task(case, X, {}, 1), answer) == ("inertia", 4.0)


def test_rival_that_ends_the_process_costs_nobody_else_a_turn(peers):
    def attempt(names):
        if "bad" in names:
            return {}, "bad", "the process ended by SIGSEGV"
        return {name: {"seconds": 1.0} for name in names}, None, None

    got = peers("process").survive(["fastmix", "bad", "other"], attempt)
    assert got["bad"] == {"reason": "the process ended by SIGSEGV"}
    assert got["fastmix"] == got["other"] == {"seconds": 1.0}
    lost = peers("process").survive(["a", "b"], lambda names: ({}, "the data", "no such file"))
    assert lost == {"a": {"reason": "no such file"}, "b": {"reason": "no such file"}}


@pytest.mark.parametrize(
    ("first", "rounds"), [(0.1, 5), (19.0, 5), (25.0, 2), (61.0, 1), (130.0, 0)]
)
def test_slow_rival_gets_fewer_rounds(peers, first, rounds):
    assert peers("measure")._rounds(first, 5) == rounds


def test_page_shows_wins_losses_failures_and_promises(peers, results):
    page = peers("tables").markdown(results, {})
    (row,) = re.findall(r"^\| blobs .*$", page, re.MULTILINE)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:] == ["1.00", "4.00", "4", "10", "20", "0e+00", "**0.5†**"]
    assert "† faiss-cpu: float32" in page
    assert re.search(
        r"Where fastmix loses\n\n.*\n.*\n\| k-means: blobs .* \| faiss-cpu \| 0.50 \|", page
    )
    assert re.search(r"Promises not kept\n\n.*\n.*\n\| k-means: blobs .* \| 4 \| 10 \|", page)
    assert "| mlpack | ValueError: planted |" in page
    assert "| 16 | 10 | 30 | 3.0 |" in page  # memory


def test_case_measured_again_replaces_its_record(peers, results, tmp_path):
    module, file = peers("results"), tmp_path / "peers.json"
    (name,) = results["cases"]
    module.write(results, file, [name])
    found = module.read(file)
    later = found["runs"][0] | {"date": "tomorrow"}
    module.add(found, later, peers("cases").CASES[name], {"fastmix": {"reason": "gone"}}, {})
    module.write(found, file, [name])
    again = module.read(file)
    assert [run["date"] for run in again["runs"]] == ["tomorrow"]
    assert again["cases"][name]["rivals"] == {"fastmix": {"reason": "gone"}}


def test_readme_block_is_written_between_its_marks_only(peers, results, tmp_path):
    module, file = peers("readme"), tmp_path / "README.md"
    file.write_text(f"before\n{module.START}old\n{module.END}after\n", encoding="utf-8")
    module.write(results, file)
    text = file.read_text(encoding="utf-8")
    assert text == f"before\n{module.START}{module.block(results)}{module.END}after\n"
    assert "faiss-cpu **0.5†**" in text
    assert "Slower than a rival in 1 of 2 comparisons" in text
    file.write_text("no marks\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must have the line <!-- peers:start -->"):
        module.write(results, file)


def test_readme_shows_what_was_measured(peers):
    """By script, never by hand: the block of the README is the one that peers.json gives."""
    module, file = peers("readme"), ROOT / "docs" / "performance" / "peers.json"
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (module.START in text) == file.exists()
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
        assert module.START + module.block(found) + module.END in text


@pytest.mark.compiled
def test_quick_run_against_scikit_learn(peers, tmp_path):
    main = peers("__main__").main
    words = ["--quick", "--rounds", "2", "--threads", "1", "--rivals", "scikit-learn"]
    main([*words, "--out", str(tmp_path), "--cases", *CHOSEN])
    found = json.loads((tmp_path / "peers.json").read_text(encoding="utf-8"))
    assert {case["family"] for case in found["cases"].values()} == {
        "k-means", "k-means, predictions", "mixtures", "mixtures, scaling",
    }  # fmt: skip
    for case in found["cases"].values():
        ours, theirs = case["rivals"]["fastmix"], case["rivals"]["scikit-learn"]
        assert len(ours["rounds"]) == len(theirs["rounds"]) == 2
        assert ours["objective"] == pytest.approx(theirs["objective"], rel=1e-8)
        assert ours["reported"] == pytest.approx(theirs["reported"], rel=1e-8)
    page = (tmp_path / "peers.md").read_text(encoding="utf-8")
    assert page.count("(!)") == 1  # where it is explained
    figures = re.findall(r"\]\((.*png)\)", page)
    assert set(figures) == {path.name for path in tmp_path.glob("*.png")}
    assert "peers-mixtures-scaling.png" in figures
