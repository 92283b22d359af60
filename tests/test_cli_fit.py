"""`fit` and `predict`: files of rows in, labels, figures and models out, and errors of one line."""

import json
import re
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import surroundings
from sklearn.pipeline import Pipeline

import fastmix
from fastmix import GaussianMixture, KMeans, _cli
from fastmix._commands import fit as _fit
from fastmix._commands import rows
from fastmix._numba import JIT

NAMES = ["height", "width", "depth"]


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path_factory):
    """Small figures, and kernels that other tests have compiled."""
    if JIT:
        cache = surroundings.warm(surroundings.common(tmp_path_factory)).folder
        monkeypatch.setenv("FASTMIX_CACHE_DIR", str(cache))
    monkeypatch.setattr(_fit, "DPI", 40)


@pytest.fixture
def X():
    """Three clusters, told apart by the first column, which is much the smallest."""
    random = np.random.RandomState(0)
    centers = np.array([[0.0, 50.0, 7.0], [1.0, 50.0, 7.0], [2.0, 50.0, 7.0]])
    return centers[np.arange(90) % 3] + random.normal(size=(90, 3)) * [0.1, 20.0, 1.0]


@pytest.fixture
def file(X, tmp_path):
    """A CSV file of them, with a column of text."""
    lines = [",".join([*NAMES[:2], "what", NAMES[2]])]
    lines += [f"{a!r},{b!r},thing {i},{c!r}" for i, (a, b, c) in enumerate(X.tolist())]
    path = tmp_path / "things.csv"
    path.write_text("\n".join(lines))
    return path


def run(capsys, *arguments):
    assert _cli.main([*map(str, arguments)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def failed(capsys, *arguments):
    assert _cli.main([*map(str, arguments)]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    return printed.err.removeprefix("python -m fastmix: ").rstrip()


COLUMNS = ("--columns", ",".join(NAMES))


# --- what fit writes and prints ---------------------------------------------------------------------


def test_a_mixture_is_fitted_drawn_and_its_labels_written(file, X, tmp_path, capsys):
    out = tmp_path / "out.png", tmp_path / "labels.csv"
    options = ("--model", "gmm", "-k", 3, "--plot", out[0], "--labels", out[1])
    text = run(capsys, "fit", file, *COLUMNS, *options)
    model = GaussianMixture(3, n_init=3, random_state=0).fit(X)
    head, *lines = out[1].read_text().splitlines()
    assert head == "label,probability"
    labels, probability = np.array([line.split(",") for line in lines], float).T
    np.testing.assert_array_equal(labels, model.predict(X))
    np.testing.assert_allclose(probability, model.predict_proba(X).max(1), rtol=1e-5)
    image = matplotlib.image.imread(out[0])[..., :3]
    assert image.shape[:2] == (4.8 * 40, 6.4 * 40)
    assert image.std() > 0.02
    assert text.startswith("things.csv: 90 rows of height, width, depth\n")
    assert (
        f"GaussianMixture with k=3, covariance_type='full', converged after {model.n_iter_}" in text
    )
    (line,) = re.findall(r"^0 .*$", text, re.MULTILINE)
    count, weight, *mean = line.split()[1:]
    assert int(count) == np.sum(labels == 0)
    assert float(weight) == pytest.approx(model.weights_[0], abs=1e-4)
    np.testing.assert_allclose(np.array(mean, float), model.means_[0], rtol=1e-4)
    assert text.endswith(f"Written: {out[1]}, {out[0]}\n")


def test_clusters_of_k_means_have_labels_only(file, X, tmp_path, capsys):
    labels = tmp_path / "labels.tsv"
    options = ("--model", "kmeans", "-k", 3, "--n-init", 1, "--seed", 5, "--labels", labels)
    text = run(capsys, "fit", file, *COLUMNS, *options)
    head, *lines = labels.read_text().splitlines()
    assert head == "label"
    model = KMeans(3, random_state=5, n_init=1).fit(X)
    assert [int(line) for line in lines] == model.labels_.tolist()
    assert f"inertia {model.inertia_:.6g}" in text


def test_of_several_numbers_the_best_is_chosen(file, X, tmp_path, capsys):
    options = ("-k", "1:4", "--covariance-type", "diag,spherical", "--plot", tmp_path / "out.svg")
    text = run(capsys, "fit", file, *COLUMNS, *options)
    assert "the best bic (lower is better) of 8 fits." in text
    assert (tmp_path / "out.svg").read_text().count("<svg") == 1
    found = json.loads(run(capsys, "fit", file, *COLUMNS, *options, "--json"))
    best = min(found["table"], key=lambda line: line["bic"])
    assert (found["k"], found["covariance_type"]) == (best["n_components"], best["covariance_type"])
    with pytest.warns(UserWarning, match="the largest number tried") as caught:
        selection = fastmix.select_gmm(
            X, range(1, 5), ["diag", "spherical"], n_init=3, random_state=0
        )
    note = str(caught[0].message).replace("n_components=range(1, 9)", "-k 1:8")
    assert note != str(caught[0].message)  # which advises in words of Python
    assert found["notes"] == [note]
    assert f"Note: {note}" in text
    assert best["bic"] == selection.table_[selection.best_index_]["bic"]


def test_without_a_number_the_usual_ones_are_tried(file, capsys, monkeypatch):
    monkeypatch.setitem(_fit.SIZES, "kmeans", range(2, 5))
    out = json.loads(run(capsys, "fit", file, "--columns", 1, "--model", "kmeans", "--json"))
    assert out["criterion"] == "calinski_harabasz"
    assert [line["n_clusters"] for line in out["table"]] == [2, 3, 4]
    assert out["k"] == 3
    out = run(capsys, "fit", file, *COLUMNS, "--model", "kmeans", "-k", "2:3", "--criterion", "bic")
    assert "the best bic (lower is better) of 2 fits" in out


def test_json_has_numbers_only_that_json_has(tmp_path, capsys):
    np.save(tmp_path / "four.npy", np.repeat(np.arange(4.0)[:, None], 5, axis=0))
    options = ("--model", "kmeans", "-k", "4:5", "--json")
    out = run(capsys, "fit", tmp_path / "four.npy", *options)
    found = json.loads(out, parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))
    assert found["table"][0]["calinski_harabasz"] is None  # it is infinite
    assert "4 distinct clusters only" in found["table"][1]["error"]
    assert (found["inertia"], found["counts"]) == (0.0, [5] * 4)


def test_warnings_of_a_fit_are_notes(tmp_path, capsys):
    np.save(tmp_path / "two.npy", np.repeat([[1.0, 2.0], [3.0, 4.0]], 5, axis=0))
    out = run(capsys, "fit", tmp_path / "two.npy", "--model", "kmeans", "-k", 3)
    assert re.search(r"^Note: Number of distinct clusters \(2\) found smaller", out, re.MULTILINE)
    assert (
        json.loads(
            run(capsys, "fit", tmp_path / "two.npy", "--model", "kmeans", "-k", 3, "--json")
        )["counts"].count(0)
        == 1
    )


def test_k_means_of_columns_of_very_different_scales_hints_at_standardizing(tmp_path, capsys):
    X = np.random.RandomState(0).normal(size=(60, 3)) * [1.0, 1000.0, 0.0]
    path = tmp_path / "uneven.csv"
    np.savetxt(path, X, delimiter=",", header="alcohol,proline,none", comments="")
    options = ("fit", path, "-k", 2, "--model")
    hint = r"^Note: Column 'proline' spreads [\d,]+ times as far as 'alcohol', and k-means .*--standardize"
    assert re.search(hint, run(capsys, *options, "kmeans"), re.MULTILINE)
    assert "Note:" not in run(capsys, *options, "kmeans", "--columns", "alcohol")
    for more in (("kmeans", "--standardize"), ("gmm",)):
        assert "spreads" not in run(capsys, *options, *more)


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "id"])
def test_a_column_that_counts_the_rows_is_told(X, name, tmp_path, capsys):
    path = tmp_path / "indexed.csv"
    lines = [f"{i},{a!r},{b!r}" for i, (a, b) in enumerate(X[:, ::2].tolist())]
    path.write_text("\n".join([f"{name},a,b", *lines]))
    options = ("fit", path, "--model", "kmeans", "-k", 2)
    what = f"{name!r}," if name else "which has no name,"
    assert (
        f"Note: The first column, {what} counts the rows and is no measurement, but the model was fitted "
        "to it; choose others by --columns a,b" in run(capsys, *options)
    )
    assert "Note:" not in run(capsys, *options, "--columns", "a,b")


def test_many_columns_are_cut_short(tmp_path, capsys):
    np.save(tmp_path / "wide.npy", np.random.RandomState(0).normal(size=(30, 9)))
    out = run(capsys, "fit", tmp_path / "wide.npy", "--model", "kmeans", "-k", 2)
    assert "30 rows of 1, 2, 3, 4, 5, 6, ...\n" in out
    assert re.search(r"^cluster +rows +1 +2 +3 +4 +5 +6 +\.\.\.$", out, re.MULTILINE)


def test_one_column_has_a_picture_of_the_choice_only(file, tmp_path, capsys):
    plot = tmp_path / "out.png"
    options = ("--columns", "height", "--covariance-type", "full", "--plot", plot)
    run(capsys, "fit", file, *options, "-k", "1:3")
    assert matplotlib.image.imread(plot).shape[:2] == (4.8 * 40, 6.4 * 40)
    plot.unlink()
    assert "--plot needs two columns" in failed(capsys, "fit", file, *options, "-k", 2)
    assert not plot.exists()


# --- saved models, and predict ----------------------------------------------------------------------


@pytest.mark.parametrize("model", ["gmm", "kmeans"])
def test_a_standardised_model_takes_rows_as_they_are(file, X, model, tmp_path, capsys):
    labels, saved, again = (
        tmp_path / name for name in ("labels.csv", "model.fastmix", "again.csv")
    )
    options = ("--model", model, "-k", 3, "--standardize", "--labels", labels, "--save", saved)
    found = json.loads(run(capsys, "fit", file, *COLUMNS, *options, "--json"))
    assert found["standardized"]
    np.testing.assert_allclose(np.mean(found["centers"], 0), X.mean(0), rtol=0.2)
    loaded = fastmix.load(saved)
    assert isinstance(loaded, Pipeline)
    assert loaded.feature_names_in_.tolist() == NAMES
    pandas = pytest.importorskip("pandas")
    expected = loaded.predict(pandas.DataFrame(X, columns=NAMES))
    lines = labels.read_text().splitlines()
    assert [int(line.split(",")[0]) for line in lines[1:]] == expected.tolist()
    out = run(capsys, "predict", saved, file, "--labels", again)
    assert again.read_bytes() == labels.read_bytes()
    assert out.startswith("things.csv: 90 rows, ")
    assert out.endswith(f"Written: {again}\n")


def test_columns_are_found_by_the_names_of_the_model(file, X, tmp_path, capsys):
    saved, out = tmp_path / "model", tmp_path / "labels.csv"
    columns = ("--columns", "height,depth")
    run(capsys, "fit", file, *columns, "--model", "kmeans", "-k", 3, "--save", saved)
    model = fastmix.load(saved)
    assert isinstance(model, KMeans)
    assert model.feature_names_in_.tolist() == ["height", "depth"]
    other = tmp_path / "other.tsv"
    other.write_text("depth\theight\n7\t2\n")
    run(capsys, "predict", saved, other, "--labels", out)
    assert out.read_text() == f"label\n{np.argmax(model.cluster_centers_[:, 0])}\n"
    np.save(tmp_path / "bare.npy", X[:, [0, 2]])  # no names: all columns, in their order
    run(capsys, "predict", saved, tmp_path / "bare.npy", "--labels", out)
    assert len(out.read_text().splitlines()) == 91
    run(capsys, "predict", saved, file, "--columns", "1,4", "--labels", out)
    assert len(out.read_text().splitlines()) == 91
    lost = tmp_path / "lost.csv"
    lost.write_text("height,width\n1,2\n")
    assert "it has no column 'depth', but height, width" in failed(
        capsys, "predict", saved, lost, "--labels", out
    )
    assert "things.csv: 1 columns, but the model has 2; choose them by --columns" in failed(
        capsys, "predict", saved, file, "--columns", 1, "--labels", out
    )


def test_what_is_no_fitted_model_is_refused(file, tmp_path, capsys):
    KMeans(3).save(tmp_path / "model")
    out = ("--labels", tmp_path / "labels.csv")
    assert "saved before it was fitted" in failed(capsys, "predict", tmp_path / "model", file, *out)
    assert "cannot be loaded" in failed(capsys, "predict", file, file, *out)
    assert "No such file" in failed(capsys, "predict", tmp_path / "none", file, *out)


# --- errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "line 2, column 'what': 'thing 0' is not a finite number; choose others by --columns"),
        (["--columns", "height,age"], "it has no column 'age', but height, width, what, depth"),
        ([*COLUMNS, "-k", 91], "things.csv: 91 clusters of 90 rows; choose fewer with -k"),
        ([*COLUMNS, "-k", "91:95"], "things.csv: 91 clusters of 90 rows; choose fewer with -k"),
        (
            [*COLUMNS, "-k", 2, "--covariance-type", "round"],
            "things.csv: The 'covariance_type' parameter of GaussianMixture must be a str among",
        ),
        (
            [*COLUMNS, "--covariance-type", "full,round"],
            "things.csv: The parameter 'covariance_types' should be 'all', or one or more of full",
        ),
        (
            [*COLUMNS, "--criterion", "elbow"],
            "things.csv: The parameter 'criterion' should be one of bic, aic, icl, but got 'elbow'.",
        ),
        (["-k", 2, "--criterion", "bic"], "--criterion needs several fits to choose from: -k 2:10"),
        (
            ["--model", "kmeans", "--covariance-type", "full"],
            "--covariance-type is an option of --model gmm",
        ),
        (
            ["--labels", "labels.txt"],
            "cannot write 'labels.txt': labels go to a file in .csv or .tsv",
        ),
        (
            ["--plot", "out.doc"],
            "cannot write 'out.doc': figures go to a file in .png, .pdf or .svg",
        ),
    ],
)
def test_errors_of_fit_are_one_line(file, options, message, capsys):
    assert message in failed(capsys, "fit", file, *options)


@pytest.mark.parametrize("option", ["--labels", "--save"])
@pytest.mark.parametrize("how", ["same", "symlink", "hard link"])
def test_no_output_takes_the_place_of_the_input(file, option, how, capsys):
    before, again = file.read_bytes(), file.with_name("again.csv")
    try:
        if how == "symlink":
            again.symlink_to(file)
        elif how == "hard link":
            again.hardlink_to(file)
        else:
            again = file
    except OSError:
        pytest.skip("there are no links here")
    told = failed(capsys, "fit", file, *COLUMNS, "-k", 2, option, again)
    assert (
        told == f"cannot write {str(again)!r}: that file is read by this command; name another one"
    )
    assert file.read_bytes() == before


def test_no_output_takes_the_place_of_another(file, tmp_path, capsys):
    out, again = tmp_path / "out.csv", tmp_path / "sub" / ".." / "OUT.csv"
    (tmp_path / "sub").mkdir()
    told = failed(capsys, "fit", file, *COLUMNS, "-k", 2, "--labels", out, "--save", again)
    assert "that file is written by this command" in told
    assert not out.exists()


def test_labels_take_the_place_of_neither_model_nor_rows(file, tmp_path, capsys):
    model = tmp_path / "model.csv"
    run(capsys, "fit", file, *COLUMNS, "-k", 2, "--save", model)
    for path in (model, file):
        before = path.read_bytes()
        assert "that file is read" in failed(capsys, "predict", model, file, "--labels", path)
        assert path.read_bytes() == before


def test_more_than_two_columns_are_drawn_in_their_principal_plane(
    file, tmp_path, capsys, monkeypatch
):
    drawn = []
    monkeypatch.setattr(_fit, "plot_projection", lambda model, X, ax: drawn.append(X.shape))
    options = ("-k", 2, "--plot", tmp_path / "out.png")
    run(capsys, "fit", file, *COLUMNS, *options)
    run(capsys, "fit", file, "--columns", "height,depth", *options)
    assert drawn == [(90, 3)]


def test_advice_can_be_pasted_into_a_shell(tmp_path, capsys):
    path = tmp_path / "flowers.csv"
    path.write_text("a (cm),what\n1,x\n2,y\n3,z\n")
    assert failed(capsys, "fit", path).endswith("choose others by --columns 'a (cm)'")


@pytest.mark.parametrize("option", ["--labels", "--plot", "--save"])
def test_a_folder_that_is_not_there_is_told_before_any_work(file, option, tmp_path, capsys):
    path = tmp_path / "none" / "out.csv"
    path = path.with_suffix(".png") if option == "--plot" else path
    told = failed(capsys, "fit", file.with_name("nowhere.csv"), option, path)
    assert told == f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}"


def test_a_mixture_that_collapses_says_so_in_a_line(tmp_path, capsys):
    np.save(tmp_path / "flat.npy", np.linspace(0.0, 1e9, 40)[:, None] * [1.0, 1.0])  # a line
    told = failed(capsys, "fit", tmp_path / "flat.npy", "-k", 2)
    assert told.startswith(
        "flat.npy: Fitting the mixture model failed because some components have"
    )


@pytest.mark.parametrize("text", ["0", "2:1", "x", "2:", ":3", "1:2:3", "-1", "2.5", "", "0:3"])
def test_numbers_that_are_none_are_not_understood(file, text, capsys):
    with pytest.raises(SystemExit) as caught:
        _cli.main(["fit", str(file), f"-k={text}"])
    assert caught.value.code == 2
    expected = f"argument -k: {text!r} is neither a number, as 5, nor a range, as 2:10"
    assert expected in capsys.readouterr().err


# --- files ------------------------------------------------------------------------------------------


def test_names_of_columns(tmp_path):
    (tmp_path / "a.csv").write_text('x,"y, z"\n1,2\n3,4\n')
    (tmp_path / "b.csv").write_text("1,2\n3,4\n")
    np.save(tmp_path / "c.npy", np.ones((2, 2)))
    assert rows.names(tmp_path / "a.csv") == ["x", "y, z"]
    assert rows.table(tmp_path / "a.csv", ["y, z"]).names == ["y, z"]
    for name in ("b.csv", "c.npy"):
        assert rows.names(tmp_path / name) is None
        assert rows.table(tmp_path / name, "2").names is None
    (tmp_path / "d.csv").write_text("x,y\n1,2\n")
    assert rows.table(tmp_path / "d.csv", None, least=1).X.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "x;y\n1;2\n3;4\n", "line 1 is one column, 'x;y': another delimiter?"),
        ("a.csv", "x;y\n1,5;2\n3,5;4\n", "should be separated by ',', not by ';'"),
        ("a.csv", "\n1;2\n3;4\n", "line 2 is one column, '1;2': another delimiter?"),
        ("a.csv", "x\ty\n1\t2\n", "should be separated by ',', not by '\\t'"),
        ("a.tsv", "x,y\n1,2\n", "should be separated by '\\t', not by ','"),
    ],
)
def test_another_delimiter_is_told(name, text, said, tmp_path, capsys):
    (tmp_path / name).write_text(text)
    assert said in failed(capsys, "fit", tmp_path / name)
    assert said in failed(capsys, "fit", tmp_path / name, "--columns", "x")


def test_a_name_may_have_what_separates_columns_elsewhere(tmp_path):
    (tmp_path / "a.csv").write_text("height; cm\n1\n2\n")
    assert rows.table(tmp_path / "a.csv", None).X.tolist() == [[1], [2]]


@pytest.fixture
def parquet(tmp_path):
    """Maker of a Parquet file from columns."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def make(**columns):
        parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    return make


def test_the_index_of_a_frame_is_no_column(tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 5.0]}, index=[7, 9])
    frame.to_parquet(tmp_path / "a.parquet")
    found = rows.table(tmp_path / "a.parquet", None)
    assert rows.names(tmp_path / "a.parquet") == found.names == ["x", "y"]
    np.testing.assert_array_equal(found.X, frame)


def test_parquet_files_are_read(parquet):
    path = parquet(x=[1, 2], what=["a", "b"], y=[0.5, 1.5], z=[True, False])
    assert rows.names(path) == ["x", "what", "y", "z"]
    found = rows.table(path, "y,x,4")
    assert found.names == ["y", "x", "z"]
    np.testing.assert_array_equal(found.X, [[0.5, 1, 1], [1.5, 2, 0]])
    assert found.X.dtype == np.float64
    narrow = parquet(x=np.ones(3, np.float32), y=np.zeros(3, np.float32))
    assert rows.table(narrow, None).X.dtype == np.float32


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"x": [1, 2], "w": ["a", "b"]},
            "column 'w' holds string, not numbers; choose others by --columns x",
        ),
        ({"x": [1.0, None]}, "row 2, column 'x': it is empty"),
        ({"x": [1.0, np.inf]}, "row 2, column 'x': inf is not a finite number"),
        ({"x": [1.0]}, "at least 2 rows and a column are needed, got 1 x 1"),
    ],
)
def test_the_first_bad_cell_of_a_parquet_file_is_named(parquet, columns, message, capsys):
    assert failed(capsys, "fit", parquet(**columns)) == f"a.parquet: {message}"


def test_what_is_no_parquet_file_is_refused(parquet, tmp_path, capsys, monkeypatch):
    path = parquet(x=[1])
    path.write_bytes(b"no parquet")
    assert "a.parquet: not a Parquet file that can be read (" in failed(capsys, "fit", path)
    assert "No such file" in failed(capsys, "fit", Path(tmp_path / "none.parquet"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "that needs pyarrow, which is not installed" in failed(capsys, "fit", path)
