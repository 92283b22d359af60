"""scikit-learn's own tests pass on fastmix's classes, but for those in conformance/rules.toml."""

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import sklearn.cluster
import surroundings
from conformance.plugin import REPORT, RULES, check_replaced

import fastmix

pytestmark = pytest.mark.compiled  # plain Python would take hours

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
MOST_DEVIATIONS = 5


class Outcome(NamedTuple):
    """How the run ended."""

    status: int
    counts: dict
    text: str


@pytest.fixture(scope="module")
def outcome():
    """Of all modules in rules.toml, in a process of its own: there, ours take the place of theirs."""
    if sklearn.__version__ != RULES["scikit-learn"]:
        pytest.skip(
            f"conformance/rules.toml is of the tests of scikit-learn {RULES['scikit-learn']}, "
            f"but {sklearn.__version__} is installed"
        )
    process = surroundings.start(
        *("-W", "default", "-m", "pytest", "-c", HERE / "conformance" / "pytest.ini"),
        *("--pyargs", *RULES["modules"]),
        **{name: value for name, value in os.environ.items() if name.startswith("FASTMIX_")},
        SKLEARN_RUN_FLOAT32_TESTS="1",
        SCIPY_ARRAY_API="1",  # or the tests of arrays are skipped, NumPy's too
    )
    status, text, err = surroundings.finish(process, seconds=540)
    found = re.search(f"^{REPORT}(.*)$", text, re.MULTILINE)
    assert found, text + err
    return Outcome(status, json.loads(found[1]), text)


def expected(counts):
    """How many tests end as the rules say; one for rounding may pass on another processor."""
    return counts["xfailed"] + counts["xpassed"]


def test_scikit_learns_own_tests_pass_on_our_classes(outcome):
    counts = outcome.counts
    assert outcome.status == 0, outcome.text
    assert counts["failed"] == counts["error"] == counts["skipped"] == 0
    left = counts["passed"] + expected(counts)
    assert left >= sum(RULES["modules"].values())
    assert left + counts["inapplicable"] == counts["collected"]


def test_every_rule_fits_a_test_and_says_why(outcome):
    rules = RULES["inapplicable"] + RULES["deviation"]
    assert outcome.counts["unused"] == []
    assert all(len(rule["why"]) > 20 for rule in rules)


def test_the_run_refuses_to_test_other_classes_than_ours():
    ours, theirs = fastmix.KMeans, sklearn.cluster.KMeans
    assert check_replaced(SimpleNamespace(__name__="tests", KMeans=ours)) is None
    for names, message in (
        ({"KMeans": theirs}, "is not fastmix's"),
        ({}, "has nothing of fastmix"),
    ):
        with pytest.raises(pytest.UsageError, match=message):
            check_replaced(SimpleNamespace(__name__="tests", **names))


def test_few_tests_differ_on_purpose():
    assert len(RULES["deviation"]) <= MOST_DEVIATIONS


def test_readme_tells_how_many_pass(outcome):
    counts = outcome.counts
    told = (
        f"Of the {counts['collected']} tests that scikit-learn {RULES['scikit-learn']} has of these "
        f"classes and functions, {counts['passed']} pass with fastmix in its place, "
        f"{counts['inapplicable']} cannot apply and {expected(counts)} differs on purpose"
    )
    assert told in " ".join(README.read_text(encoding="utf-8").split())
