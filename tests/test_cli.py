"""The commands: what they write, print and answer, and that they fail in one line."""

import io
import os
import re
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import surroundings

from fastmix import _cli
from fastmix._commands import demo as _demo
from fastmix._commands import info
from fastmix._numba import JIT

COLUMNS = ["fit", "n", "d", "k", "fastmix s", "sklearn s"]
COLUMNS += ["ratio", "objective", "sklearn's", "same labels"]
FITS = ["blobs, k-means", "blobs, mixture", "stretched, k-means", "stretched, mixture"]
FITS += ["china.jpg, k-means", "china.jpg, mixture", "iris, mixture"]
PIXELS = dict.fromkeys(_demo.FIGURES, (720, 960)) | {
    "7-overview": (630, 1500),
    "8-china-colours": (570, 1500),
    "9-iris": (510, 1500),
}


def table(folder):
    """The lines of the table, each a dict of texts."""
    lines = (folder / "table.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == COLUMNS
    assert set(cells[1]) == {"---", "---:"}
    return [dict(zip(COLUMNS, line, strict=True)) for line in cells[2:]]


def assert_figures(folder, scale=1.0):
    """Every figure is a PNG of its size that shows more than a background."""
    assert {path.stem for path in folder.glob("*.png")} == set(_demo.FIGURES)
    for name, (height, width) in PIXELS.items():
        image = matplotlib.image.imread(folder / f"{name}.png")[..., :3]
        assert image.shape == (round(scale * height), round(scale * width), 3)
        colours = (255 * image).round().astype(int) @ [1 << 16, 1 << 8, 1]
        assert len(np.unique(colours)) > 20
        assert image.std() > 0.02


# --- the demo ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo as a newcomer runs it: its process and its folder."""
    cache = surroundings.warm(surroundings.common(tmp_path_factory)).folder
    folder = tmp_path_factory.mktemp("demo") / "below" / "figures"
    arguments = ("-m", "fastmix", "demo", "--out", folder)
    process = surroundings.start(*arguments, FASTMIX_CACHE_DIR=cache)
    return surroundings.finish(process, seconds=400), folder


@pytest.mark.compiled
def test_the_demo_succeeds_and_is_quiet_away_from_a_terminal(demo):
    ended, folder = demo
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("Compiling, fitting, and drawing 9 figures")  # it takes a while
    assert "\nfit  " in ended.out
    assert all(f"\n{name}  " in ended.out for name in FITS)
    assert ended.out.endswith(
        f"9 figures, probabilities.csv and table.md are in {folder.resolve()}"
    )


@pytest.mark.compiled
def test_the_demo_draws_every_figure(demo):
    assert_figures(demo[1])


@pytest.mark.compiled
def test_the_table_of_the_demo_compares_all_fits(demo):
    lines = table(demo[1])
    assert [line["fit"] for line in lines] == FITS
    for line in lines:
        times = [float(line[column]) for column in ("fastmix s", "sklearn s", "ratio")]
        assert min(times) > 0
        ours, theirs = float(line["objective"]), float(line["sklearn's"])
        assert ours == pytest.approx(theirs, rel=1e-2)
        assert line["same labels"].endswith("%")
        assert 95 <= float(line["same labels"].removesuffix("%")) <= 100
    assert [line["n"] for line in lines] == ["500"] * 2 + ["400"] * 2 + ["273,280"] * 2 + ["150"]
    assert [line["k"] for line in lines] == ["5", "5", "4", "4", "64", "5", "3"]


@pytest.mark.compiled
def test_the_probabilities_of_the_demo_sum_to_one(demo):
    probabilities = np.loadtxt(demo[1] / "probabilities.csv", delimiter=",", skiprows=1)
    assert probabilities.shape == (500, 5)
    assert probabilities.min() >= 0
    # five numbers of six decimals
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=5 * 0.5e-6 + 1e-12)


# --- a small demo in this process ----------------------------------------------------------------


@pytest.fixture
def small(monkeypatch, tmp_path_factory):
    """Make the demo a matter of seconds: few rows, few colours, one round, coarse figures."""
    if JIT:  # most of its kernels have been compiled
        cache = surroundings.warm(surroundings.common(tmp_path_factory)).folder
        monkeypatch.setenv("FASTMIX_CACHE_DIR", str(cache))
    make_blobs, image = _demo.make_blobs, _demo.photograph()[::40, ::40]

    def few_blobs(n_samples, **options):
        return make_blobs(n_samples=60, **options)

    monkeypatch.setattr(_demo, "make_blobs", few_blobs)
    monkeypatch.setattr(_demo, "photograph", lambda: image)
    for name, value in {"COLOURS": 4, "ROUNDS": 1, "DPI": 30}.items():
        monkeypatch.setattr(_demo, name, value)


def test_a_demo_without_scikit_learn_leaves_its_columns_empty(small, tmp_path, capsys):
    assert _cli.main(["demo", "--no-compare", "--out", str(tmp_path)]) == 0
    lines = table(tmp_path)
    assert [line["fit"] for line in lines] == FITS
    for line in lines:
        assert {line[name] for name in ("sklearn s", "ratio", "sklearn's", "same labels")} == {"-"}
        assert float(line["fastmix s"]) > 0
        assert np.isfinite(float(line["objective"]))
    assert_figures(tmp_path, scale=30 / 150)
    assert capsys.readouterr().err == ""


def test_a_demo_with_scikit_learn_fills_every_column(small, tmp_path, monkeypatch):
    monkeypatch.setattr(_demo, "FIGURES", {})
    assert _cli.main(["demo", "--out", str(tmp_path)]) == 0
    for line in table(tmp_path):
        assert "-" not in line.values()
        assert float(line["same labels"].removesuffix("%")) >= 95


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_is_shown_the_progress(small, tmp_path, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(_demo, "FIGURES", {})
    assert _cli.main(["demo", "--no-compare", "--out", str(tmp_path)]) == 0
    assert FITS[0] in terminal.getvalue()


def test_a_second_demo_replaces_the_first(small, tmp_path, monkeypatch):
    monkeypatch.setattr(_demo, "FIGURES", dict(list(_demo.FIGURES.items())[:1]))
    arguments = ["demo", "--no-compare", "--out", str(tmp_path)]
    assert _cli.main(arguments) == 0
    (tmp_path / "table.md").write_text("old")
    assert _cli.main(arguments) == 0
    assert len(table(tmp_path)) == len(FITS)


# --- what cannot be written ----------------------------------------------------------------------


def assert_one_line(err):
    assert err.startswith("python -m fastmix: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1


def below_a_file(folder):
    (folder / "file").write_text("")
    return folder / "file" / "figures"


def a_file(folder):
    (folder / "file").write_text("")
    return folder / "file"


def table_is_a_folder(folder):
    (folder / "table.md").mkdir()
    return folder


def table_is_read_only(folder):
    skip_root()
    (folder / "table.md").write_text("")
    (folder / "table.md").chmod(0o400)
    return folder


def read_only(folder):
    skip_root()
    folder.chmod(0o500)
    return folder


def skip_root():
    if os.name != "posix" or os.getuid() == 0:
        pytest.skip("modes bind neither root nor Windows")


def in_proc(folder):
    if not sys.platform.startswith("linux"):
        pytest.skip("/proc is Linux's")
    return Path("/proc/figures")


PLACES = [below_a_file, a_file, table_is_a_folder, table_is_read_only, read_only, in_proc]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_folder_that_cannot_be_written_is_one_line_before_any_work(
    tmp_path, monkeypatch, capsys, place
):
    monkeypatch.setattr(_demo, "_fits", lambda: pytest.fail("worked before it could write"))
    out = place(tmp_path)
    assert _cli.main(["demo", "--out", str(out)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert_one_line(printed.err)
    assert re.search("cannot write (to )?'", printed.err)
    assert str(out).replace("\\", "\\\\") in printed.err


def test_a_figure_that_cannot_be_written_is_one_line(small, tmp_path, monkeypatch, capsys):
    (name,) = figures = dict(list(_demo.FIGURES.items())[:1])
    monkeypatch.setattr(_demo, "FIGURES", figures)
    (tmp_path / f"{name}.png").mkdir()
    assert _cli.main(["demo", "--no-compare", "--out", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert_one_line(err)
    assert f"{name}.png" in err


@pytest.mark.parametrize(
    ("error", "expected"),
    [(OSError("all is lost"), "all is lost"), (OSError(28, "No space left"), "[Errno 28]")],
)
def test_an_error_without_a_file_is_one_line(monkeypatch, capsys, error, expected):
    def fail(**_):
        raise error

    monkeypatch.setattr(info, "info", fail)
    assert _cli.main(["info"]) == 1
    err = capsys.readouterr().err
    assert_one_line(err)
    assert expected in err


def test_ctrl_c_is_one_line(monkeypatch, capsys):
    def interrupted(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "info", interrupted)
    assert _cli.main(["info"]) == 130
    assert capsys.readouterr().err == "python -m fastmix: interrupted\n"


# --- what is not understood ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "COMMAND"),
        (["nonesuch"], "nonesuch"),
        (["--nonesuch", "info"], "--nonesuch"),
        (["demo", "--nonesuch"], "--nonesuch"),
        (["demo", "--out"], "--out"),
        (["demo", "figures"], "figures"),
        (["info", "more"], "more"),
    ],
    ids=str,
)
def test_what_is_not_understood_is_one_line(capsys, arguments, named):
    with pytest.raises(SystemExit) as end:
        _cli.main(arguments)
    assert end.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert_one_line(printed.err)
    assert named in printed.err
    assert "--help" in printed.err


def test_the_exit_status_is_that_of_the_process():
    ended = surroundings.finish(surroundings.start("-m", "fastmix", "nonesuch"))
    assert (ended.status, ended.out) == (2, "")
    assert_one_line(f"{ended.err}\n")


# --- help --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--help"], ["demo", "info"]), (["demo", "--help"], ["--out DIR", "--no-compare"])],
    ids=str,
)
def test_help_tells_what_there_is(capsys, arguments, named):
    with pytest.raises(SystemExit) as end:
        _cli.main(arguments)
    assert end.value.code == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith("usage: python -m fastmix")
    assert all(name in printed.out for name in named)
