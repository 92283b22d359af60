"""The gate against slower commits: how it decides, and all of it at work on a small project."""

import importlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

GATE = Path(__file__).parents[1] / "asv_benchmarks"
PACKAGE = """
TURNS = {turns}

def work():
    return sum(i * i for i in range(2_000 * TURNS))
"""
BENCHMARKS = """
import fastmix
{needs}

class Spin:
    gated = ("time_work", "time_rest", "track_turns")
    params = [["a"], ["b", "unfit"]]

    def setup(self, one, other):
        if other == "unfit":
            raise NotImplementedError

    def time_work(self, one, other):
        fastmix.work()

    def time_rest(self, one, other):
        sum(i * i for i in range(20_000))

    def track_turns(self, one, other):
        return fastmix.TURNS
"""
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def gate(monkeypatch):
    """The modules of the gate by name."""
    monkeypatch.syspath_prepend(str(GATE))
    return lambda name: importlib.import_module(f"gate.{name}")


@pytest.fixture
def noisy():
    """Maker of samples in turns: some jitter, and bursts in which calls take up to three times as long."""
    rng = np.random.default_rng(0)

    def make(sweeps, factor=1.0):
        n = 2 * sweeps
        seconds = 0.01 * rng.uniform(1.0, 1.1, (2, n))
        burst = np.repeat(rng.random((2, n // 2)) < 0.5, 2, axis=1)
        seconds *= np.where(burst, rng.uniform(1.1, 3.0, (2, n)), 1.0)
        return list(seconds[0] * factor), list(seconds[1])

    return make


@pytest.fixture
def judged(gate, noisy):
    """Whether a benchmark fails whose working tree takes `factor` times as long."""
    measure, findings = gate("measure"), gate("findings")

    def judge(factor):
        one = findings.Finding("a.B.time_c()", *noisy(measure.SWEEPS, factor))
        for _ in range(gate("verdict").RERUNS):
            if one.doubtful:
                ours, base = noisy(measure.RERUN_SWEEPS, factor)
                one.reruns.append(gate("verdict").slowdown(ours, base))
        return one.slower

    return judge


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.1])
def test_noise_alone_fails_nobody(judged, factor):
    assert not any(judged(factor) for _ in range(2000))


def test_slowdown_is_seen_through_noise(judged):
    assert sum(judged(1.5) for _ in range(200)) >= 199


def test_slowdown_is_a_ratio_of_fast_samples(gate):
    slowdown = gate("verdict").slowdown
    assert slowdown([3.0, 9.0, 9.0], [2.0, 2.0, 8.0]) == 1.5
    assert slowdown([6], [4]) == 1.5  # counts
    assert slowdown([0], [0]) == 1.0
    assert slowdown([1], [0]) == np.inf


@pytest.mark.parametrize(
    ("first", "reruns", "doubtful", "slower"),
    [
        (1.1, [], False, False),
        (1.5, [], True, False),  # not before it was measured again
        (1.2, [1.4], True, False),
        (1.5, [1.4, 1.2], True, False),
        (1.5, [1.2, 1.3], False, False),
        (1.5, [1.4, 1.2, 1.2], False, False),
        (1.5, [1.4, 1.2, 1.4], False, True),
        (1.5, [1.4, 1.4], False, True),
    ],
)
def test_only_what_is_slow_again_and_again_is_slower(gate, first, reruns, doubtful, slower):
    one = gate("findings").Finding("a.B.time_c()", [first], [1.0], reruns)
    assert (one.doubtful, one.slower) == (doubtful, slower)


def test_number_that_grew_needs_no_second_look(gate):
    one = gate("findings").Finding("a.B.track_c()", [14], [10])
    assert one.slower
    assert not one.doubtful


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ([], [()]),
        ([1, 2], [(1,), (2,)]),
        ((1, 2), [(1,), (2,)]),
        ([["a"], [1, 2]], [("a", 1), ("a", 2)]),
    ],
)
def test_params_are_read_as_asv_reads_them(gate, params, expected):
    assert gate("worker").points(params) == expected


@pytest.mark.parametrize(
    ("whole", "own", "n_threads", "expected"),
    [
        (3.0, 3.0, 1, 3.0),
        (4.0, 2.0, 2, 2.0),
        (4.0, 1.0, 2, 3.0),
        (4.0, 4.0, 2, 4.0),
        (8.0, 2.0, 4, 2.0),
    ],
)
def test_time_of_threads_is_that_of_the_busiest(gate, whole, own, n_threads, expected):
    assert gate("worker").busiest(whole, own, n_threads) == expected


@pytest.fixture
def project(tmp_path):
    """A repository with a package of one commit and benchmarks of it."""
    package, benchmarks = tmp_path / "fastmix", tmp_path / "asv_benchmarks" / "benchmarks"
    for folder in (package, benchmarks):
        folder.mkdir(parents=True)
    (package / "__init__.py").write_text(PACKAGE.format(turns=10))
    (benchmarks / "__init__.py").touch()
    (benchmarks / "spin.py").write_text(BENCHMARKS.format(needs=""))
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    return tmp_path


@needs_git
def test_unchanged_tree_passes(gate, project, capsys):
    assert gate("__main__").main([], project) == 0
    said = capsys.readouterr().out
    assert "none needs more than 1.3 times as much" in said
    assert said.count("does not apply to this machine") == 3


@needs_git
def test_slower_tree_fails_by_name(gate, project, capsys):
    (project / "fastmix" / "__init__.py").write_text(PACKAGE.format(turns=20))
    assert gate("__main__").main(["HEAD"], project) == 1
    *_, last = capsys.readouterr().out.partition("SLOWER than 1.3 times: 2\n")
    assert "spin.Spin.time_work('a', 'b')" in last
    assert "spin.Spin.track_turns('a', 'b')" in last
    assert "time_rest" not in last


@needs_git
def test_what_the_base_lacks_is_left_out(gate, project, capsys):
    text = PACKAGE.format(turns=10)
    (project / "fastmix" / "__init__.py").write_text(f"{text}\nnew = work\n")
    more = project / "asv_benchmarks" / "benchmarks" / "more.py"
    more.write_text(BENCHMARKS.format(needs="from fastmix import new"))
    assert gate("__main__").main([], project) == 0
    said = capsys.readouterr().out
    assert said.count("unknown to the base: ImportError: cannot import name 'new'") == 6


@needs_git
@pytest.mark.parametrize(
    ("words", "text", "reason"),
    [
        (["nowhere"], None, "no commit is called"),
        (["--bench", "nothing"], None, "no benchmark's name matches"),
        ([], "raise RuntimeError('planted')", "RuntimeError: planted"),
        ([], "", "AttributeError: module 'fastmix' has no attribute"),
    ],
)
def test_what_cannot_be_measured_is_no_verdict(gate, project, capsys, words, text, reason):
    if text is not None:
        (project / "fastmix" / "__init__.py").write_text(text)
    assert gate("__main__").main(words, project) == 2
    assert reason in capsys.readouterr().err
