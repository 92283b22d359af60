"""A plug-in for pytest that runs scikit-learn's own tests on fastmix's classes and functions.

It puts ours in the place of theirs in sklearn.cluster and sklearn.mixture before a test module is
imported, so that its `from sklearn.cluster import KMeans` gives ours. rules.toml says which tests do
not apply and which differ on purpose; tests/test_conformance.py starts the run.
"""

import json
import platform
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import sklearn.cluster
import sklearn.mixture

import fastmix

RULES = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))
REPORT = "conformance: "  # what the line with the counts begins with

REPLACED = {
    "KMeans": sklearn.cluster,
    "MiniBatchKMeans": sklearn.cluster,
    "BisectingKMeans": sklearn.cluster,
    "k_means": sklearn.cluster,
    "kmeans_plusplus": sklearn.cluster,
    "GaussianMixture": sklearn.mixture,
    "BayesianGaussianMixture": sklearn.mixture,
}

counts: Counter[str] = Counter()
unused = {rule["tests"] for kind in ("inapplicable", "deviation") for rule in RULES[kind]}


def pytest_configure():
    """Put our classes and functions in the place of scikit-learn's, before tests are imported."""
    for name, package in REPLACED.items():
        ours = getattr(fastmix, name)
        if not ours.__module__.startswith("fastmix."):
            raise pytest.UsageError(
                f"fastmix.{name} is not fastmix's own, but of {ours.__module__}"
            )
        setattr(package, name, ours)


def check_replaced(module):
    """A test module must hold at least one of the names, and ours of all that it holds."""
    held = [name for name in REPLACED if hasattr(module, name)]
    if not held:
        raise pytest.UsageError(f"{module.__name__} has nothing of fastmix to test")
    for name in held:
        if getattr(module, name) is not getattr(fastmix, name):
            raise pytest.UsageError(f"{name} of {module.__name__} is not fastmix's")


def rule_of(item, kind):
    """The first rule of a kind that fits a test, or None."""
    # Not item.nodeid, whose path may be empty where modules are given by name.
    name = f"{item.path.name}::{item.name}"
    rule = next((rule for rule in RULES[kind] if re.search(rule["tests"], name)), None)
    if rule:
        unused.discard(rule["tests"])
    return rule


def as_deviation(rule):
    """The mark of a test that must fail; where it is for rounding, as it is on the processors tried."""
    strict = not rule.get("rounding") or platform.machine().lower() in ("x86_64", "amd64")
    return pytest.mark.xfail(reason=rule["why"], raises=AssertionError, strict=strict)


@pytest.hookimpl(tryfirst=True)  # before -k, so that whole modules are counted
def pytest_collection_modifyitems(config, items):
    for module in {item.module for item in items}:
        check_replaced(module)
    counts["collected"] = len(items)
    inapplicable = [item for item in items if rule_of(item, "inapplicable")]
    items[:] = [item for item in items if item not in inapplicable]
    config.hook.pytest_deselected(items=inapplicable)
    counts["inapplicable"] = len(inapplicable)
    kept = Counter(item.module.__name__ for item in items)
    for name, least in RULES["modules"].items():
        if name in kept and kept[name] < least:
            raise pytest.UsageError(f"{kept[name]} tests of {name} are left: at least {least}")
    for item in items:
        if rule := rule_of(item, "deviation"):
            item.add_marker(as_deviation(rule))


def pytest_terminal_summary(terminalreporter):
    for outcome in ("passed", "skipped", "xfailed", "xpassed", "failed", "error"):
        counts[outcome] = len(terminalreporter.stats.get(outcome, []))
    terminalreporter.write_line(REPORT + json.dumps({**counts, "unused": sorted(unused)}))
