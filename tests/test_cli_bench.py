"""`bench`: what it measures, what it says of it, and the files it reads and writes."""

import json
import re

import matplotlib.image
import numpy as np
import pytest
import surroundings

from fastmix import KMeans, _cli
from fastmix._commands import bars, bench, cases, rows
from fastmix._commands.cases import Case
from fastmix._commands.compare import HEAD, Line, agreement, in_turns, twin
from fastmix._commands.reasons import why
from fastmix._commands.report import Report
from fastmix._numba import JIT
from fastmix.engine.report import FitReport, Seconds


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path_factory):
    """One round of few rows, with kernels that other tests have compiled."""
    if JIT:
        cache = surroundings.warm(surroundings.common(tmp_path_factory)).folder
        monkeypatch.setenv("FASTMIX_CACHE_DIR", str(cache))
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr(bars, "DPI", 40)
    of_rows = bench.of_rows
    monkeypatch.setattr(
        bench, "of_rows", lambda *its: of_rows(*its)[:2]
    )  # compiling the third takes long


def blobs(n=300, d=3, k=4):
    centers = 20.0 * np.random.RandomState(0).normal(size=(k, d))
    return centers[np.arange(n) % k] + np.random.RandomState(1).normal(size=(n, d))


def table(path, X, head=None, separator=","):
    np.savetxt(path, X, delimiter=separator, header=separator.join(head or []), comments="")
    if head is None:
        path.write_text(path.read_text().removeprefix("\n"))
    return path


def run(capsys, *arguments):
    assert _cli.main(["bench", *map(str, arguments)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def failed(capsys, *arguments):
    assert _cli.main(["bench", *map(str, arguments)]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    return printed.err.removeprefix("python -m fastmix: ").rstrip()


# --- measuring ---------------------------------------------------------------------------------------


def test_a_file_is_answered_with_a_table_reasons_and_a_figure(tmp_path, capsys):
    file = table(tmp_path / "things.csv", blobs(), ["height", "width", "depth"])
    out = run(capsys, file, "-k", 4, "--out", tmp_path / "out")
    for name in ("k-means", "mixture, full"):
        assert re.search(rf"\nthings, {name} +300 +3 +4 +[\d.]+ .* 100\.00%\n", out)
        assert f"\n  things, {name}: " in out
    assert re.search(r"passes: \d+ by lloyd \(.*\); of the time .*; 1 thread\b", out)
    assert re.search(r"kernels were compiled, and \d+ loaded", out)
    assert "fastmix is " in out
    page = (tmp_path / "out" / "bench.md").read_text(encoding="utf-8")
    assert f"| case | {' | '.join(HEAD[1:])} |\n" in page
    image = matplotlib.image.imread(tmp_path / "out" / "bench.png")[..., :3]
    assert image.std() > 0.02
    found = json.loads((tmp_path / "out" / "bench.json").read_text(encoding="utf-8"))
    assert [case["n"] for case in found["cases"]] == [300] * 2
    assert found["machine"]["versions"]["fastmix"]


def test_json_is_all_that_is_printed(tmp_path, capsys):
    np.save(tmp_path / "things.npy", blobs())
    out = run(capsys, tmp_path / "things.npy", "--json", "--out", tmp_path / "out")
    found = json.loads(out)
    assert found == json.loads((tmp_path / "out" / "bench.json").read_text(encoding="utf-8"))
    assert {case["dtype"] for case in found["cases"]} == {"float64"}
    assert {case["k"] for case in found["cases"]} == {8}
    for case in found["cases"]:
        assert case["ratio"] == pytest.approx(case["peer_seconds"] / case["seconds"])
        assert case["first_seconds"] > 0


def test_without_a_file_there_are_cases_of_both_kinds(tmp_path, capsys, monkeypatch):
    few = [case._replace(X=case.X[:400]) for case in cases.built_in()]
    assert {case.kind for case in few} == set(bars.COLOURS)
    assert {case.verb for case in few} == {"fit", "predict"}
    chosen = [case for case in few if "pixels" in case.name or "predict" in case.name]
    monkeypatch.setattr(bench, "built_in", lambda: chosen)
    out = run(capsys, "--out", tmp_path)
    assert all(f"\n{case.name}  " in out for case in chosen)
    assert "ns a row in one compiled pass" in out


def test_a_mixture_that_collapses_is_told_beside_what_was_measured(tmp_path, capsys):
    X = np.repeat([[1e9, 0.0], [0.0, 1e9], [5e8, 5e8]], 30, axis=0)
    np.save(tmp_path / "flat.npy", X)
    out = run(capsys, tmp_path / "flat.npy", "-k", 3, "--out", tmp_path)
    assert "Not fitted:" in out or "flat, mixture, full" in out
    assert "\nflat, k-means " in out


def test_rounds_are_taken_in_turns_until_there_was_enough_time():
    order = []
    seconds = in_turns([lambda: order.append("a"), lambda: order.append("b")], 3, 60.0)
    assert order == list("ababab")
    assert min(seconds) >= 0
    in_turns([lambda: order.append("c")], 3, 0.0)
    assert order == list("abababc")


def test_labels_agree_but_for_the_names_of_clusters():
    labels = np.array([0, 0, 1, 1, 2, 2, 2, 2], np.int32)
    assert agreement(labels, (labels + 1) % 3, 3) == 1.0
    assert agreement(labels, np.array([1, 1, 0, 0, 2, 2, 2, 0]), 3) == 7 / 8


def test_the_twin_has_the_parameters_of_the_model():
    peer = twin(KMeans(5, algorithm="hamerly", random_state=3, tol=1e-2, n_threads=1))
    assert type(peer).__module__.startswith("sklearn")
    assert (peer.n_clusters, peer.algorithm, peer.random_state, peer.tol) == (5, "lloyd", 3, 1e-2)


def line(ratio, **changes):
    return Line("x", 100_000, 2, 3, 1.0, ratio, 5.0, 5.0, 1.0)._replace(**changes)


def report(*ratios):
    return Report([type("M", (), {"line": line(ratio)}) for ratio in ratios], [], 0, 0, None, {})


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        (
            [3.0, 5.0],
            "faster in 2 of 2 cases: 3 to 5 times as fast as scikit-learn, in the middle 4.",
        ),
        (
            [0.5, 1.1, 2.0],
            "faster in 1 of 3 cases, slower in 1, about as fast in 1: 0.5 to 2 times",
        ),
    ],
)
def test_the_verdict_names_losses_too(ratios, expected):
    assert report(*ratios).verdict.startswith(f"fastmix is {expected}")


def test_reasons_tell_the_algorithm_and_what_it_skipped():
    model, seconds = KMeans(12, n_threads=1), Seconds(checks=0.01, starts=0.19, passes=0.8)
    passes = ("lloyd", *["filtering"] * 6)
    model.fit_report_ = FitReport(passes, "few features", [0.0, *[0.98] * 6], seconds, 1)
    told = why(Case("x", "fit", model, blobs()), line(2.0, seconds=0.001))
    assert told == (
        "passes: 1 by lloyd, then 6 by filtering (few features); 84.0% of the distances skipped; of the time "
        "starts 19%, passes 80%; 1 thread; so short that checks and copies count, which every call makes"
    )
    assert told.endswith("so short that checks and copies count, which every call makes")


def test_the_figure_has_a_bar_for_every_case_on_a_logarithmic_scale():
    figure = bars.draw([line(4.0), line(0.5)], ["k-means", "mixtures"], "a machine")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(1, 3.0), (1, -0.5)]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["4x  (4 s → 1 s)", "0.5x  (500 ms → 1 s)", "a machine"]


def test_a_file_is_fitted_by_k_means_and_two_mixtures():
    found = cases.of_rows(blobs(), 4, "x")
    assert [case.name for case in found] == ["x, k-means", "x, mixture, full", "x, mixture, diag"]
    assert {case.model.random_state for case in found} == {0}


# --- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "options", "expected"),
    [
        ("a.csv", "1,2\n3,4\n", None, [[1, 2], [3, 4]]),
        ("a.csv", "\ufeffx,y\n1,2\n3,4\n", None, [[1, 2], [3, 4]]),
        ("a.tsv", "x\ty\n1\t2\n3\t4\n", "y", [[2], [4]]),
        ("a.csv", 'x,"y, z",w\n1,a,2\n\n3,b,"4"\n', "w,1", [[2, 1], [4, 3]]),
        ("a.CSV", "\nx,y\n 1 , 2\n3,4e1\n", None, [[1, 2], [3, 40]]),
    ],
)
def test_tables_are_read(tmp_path, name, text, options, expected):
    (tmp_path / name).write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(rows.read(tmp_path / name, options), expected)


def test_arrays_are_read_and_keep_their_floats(tmp_path):
    for dtype, expected in {"f4": "f4", "f8": "f8", "i2": "f8", ">f8": "f8"}.items():
        np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3).astype(dtype))
        found = rows.read(tmp_path / "a.npy", "3,1")
        np.testing.assert_array_equal(found, [[2, 0], [5, 3]])
        assert found.dtype == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x,y\n1,2\n3,four\n", "a.csv: line 3, column 'y': 'four' is not a finite number"),
        ("x,y\n1,2\n3,\n", "a.csv: line 3, column 'y': it is empty"),
        ("1,2\n3,nan\n", "a.csv: line 2, column '2': 'nan' is not a finite number"),
        ("x,y\n1,2\n3,4,5\n", "a.csv: line 3 has 3 columns, not 2"),
        ("x,y,z\n1,2,a\n", "'a' is not a finite number; choose others by --columns x,y"),
        ("x,y\n", "a.csv: it has no rows"),
        ("", "a.csv: it has no rows"),
        ("x,y\n1,2\n", "a.csv: at least 2 rows and a column are needed, got 1 x 2"),
    ],
)
def test_the_first_bad_cell_is_named(tmp_path, capsys, text, expected):
    (tmp_path / "a.csv").write_text(text)
    assert expected in failed(capsys, tmp_path / "a.csv", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[1.0, 2.0], [3.0, np.inf]]), "row 2, column 2: inf is not a finite number"),
        (np.ones(3), "2 dimensions, got float64 of shape (3,)"),
        (np.ones((3, 2), complex), "got complex128"),
        (np.array([[{}]]), "without pickle"),
    ],
)
def test_arrays_that_are_no_rows_are_refused(tmp_path, capsys, array, expected):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    assert expected in failed(capsys, tmp_path / "a.npy")


def test_what_is_no_file_of_rows_is_refused(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("1,2\n")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.csv").mkdir()
    assert "No such file" in failed(capsys, tmp_path / "none.csv")
    assert "it should end in .csv, .tsv, .npy or .parquet" in failed(capsys, tmp_path / "a.txt")
    assert "not text in UTF-8" in failed(capsys, tmp_path / "a.csv")
    assert "cannot read" in failed(capsys, tmp_path / "folder.csv")
    table(tmp_path / "b.csv", blobs(5), ["x", "y", "z"])
    assert "no column 'w', but x, y, z" in failed(capsys, tmp_path / "b.csv", "--columns", "x,w")
    assert "8 clusters of 5 rows; choose fewer with -k" in failed(capsys, tmp_path / "b.csv")
    assert "need a FILE" in failed(capsys, "-k", 3)


def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench, "measure", lambda _: pytest.fail("worked before it could write"))
    np.save(tmp_path / "a.npy", blobs())
    (tmp_path / "file").write_text("")
    told = failed(capsys, tmp_path / "a.npy", "--out", tmp_path / "file")
    assert "it is a file, not a folder" in told
