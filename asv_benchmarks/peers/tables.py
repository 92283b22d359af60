"""Markdown of what was measured: every case, the losses, and what could not run."""

from .cases import BASES
from .results import families, losses, present, ratio, seconds
from .rivals import ANCHOR, OURS

SAME = {"f8": 1e-8, "f4": 1e-5}  # relative difference of objectives from one start

HOW = """\
Seconds are medians of rounds in turns (ours, theirs, ours, ...) in one process, after calls that are not counted: they
compile, and before every call below a second they wake threads and processor. A ratio is a rival's seconds divided by
fastmix's: above 1 fastmix is faster, and **bold** below 1 it has lost.
*Must* and *goal* are what fastmix promises and hopes for against scikit-learn. A dagger (†) marks rivals that did not
do quite the same; what they did stands below the table. From one start, *agreement* is the relative difference of the
objectives that fastmix and scikit-learn report; with starts of their own, by how much fastmix's objective is better; of
predictions, the error of both against plain NumPy; "(!)" marks a start from which the two have gone different ways,
because some row was equally near to two centers but for rounding. *Distances skipped* is the share of the n k distances
a pass that fastmix's algorithm did not compute; labels and centers are those of Lloyd's algorithm all the same.
"""


def markdown(results, figures):
    """The whole page; `figures` are file names by heading."""
    parts = ["# fastmix against its rivals\n", *machines(results["runs"]), HOW]
    for family, cases in families(results).items():
        parts += [f"## {_capital(family)}\n", _when(cases), _table(cases), _notes(cases)]
        parts += _picture(figures, family)
    for heading in figures:
        if heading not in {*families(results), "memory"}:
            its = [case for case in results["cases"].values() if case["family"] == heading]
            parts += [
                f"## {_capital(heading)}\n",
                _when(its),
                _base(heading, its),
                *_picture(figures, heading),
            ]
    parts += [_memory(results), *_picture(figures, "memory")]
    parts += [_losses(results), _failed(results)]
    return "\n".join(part for part in parts if part)


def grid(head, rows, texts=1):
    """A Markdown table; columns after so many texts are numbers."""
    rule = ["---"] * texts + ["---:"] * (len(head) - texts)
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))


def time_text(value):
    """Seconds with three digits."""
    return "-" if value is None else f"{value:#.3g}".rstrip(".")


def ratio_text(value, mark=""):
    """A ratio with two or three digits; a loss is bold."""
    if value is None:
        return "-"
    text = (
        f"{value:.0f}" if value >= 99.5 else f"{value:.3g}" if value < 10 else f"{value:.1f}"
    ) + mark
    return f"**{text}**" if value < 1 else text


def machines(runs):
    """A sentence for every machine and set of versions, on when runs were made there."""
    dates = {}
    for run in runs:
        versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
        where = (
            f"{run['processor']}, {run['threads']} threads of {run['cpus']} CPUs, {run['system']}; "
            f"{versions}"
        )
        loaded = "" if run["load"] is None else f" (load before: {run['load']})"
        dates.setdefault(where, []).append(run["date"] + loaded)
    return [f"Measured {', '.join(times)}, {where}.\n" for where, times in dates.items()]


def agreement(case):
    """How well fastmix and scikit-learn agree at a case, as text."""
    ours, theirs = (case["rivals"].get(name, {}) for name in (OURS, ANCHOR))
    if "objective" not in ours or "objective" not in theirs:
        return "-"
    if case["method"] != "fit":
        return f"{ours['objective']:.0e} / {theirs['objective']:.0e}"
    if case["start"] == "own":
        a, b = ours["objective"], theirs["objective"]
        better = (b - a if ours["measured"] == "inertia" else a - b) / abs(b)
        return f"{better:+.2%}"
    a, b = ours["reported"], theirs["reported"]
    difference = abs(a - b) / abs(b)
    return f"{difference:.0e}" + ("" if difference <= SAME[case["dtype"]] else " (!)")


def skipped_text(case):
    """Share of the distances of rows to centers that fastmix did not compute, and by which algorithm."""
    record = case["rivals"].get(OURS, {})
    if record.get("algorithm") is None:
        return "-"
    return f"{record['skipped']:.1%} ({record['algorithm']})"


def _table(cases):
    others = [name for name in present(cases) if name != ANCHOR]
    head = ["case", "fastmix s", "scikit-learn s", "ratio", "must", "goal", "agreement", *others]
    skips = any(case["rivals"].get(OURS, {}).get("algorithm") for case in cases)
    head += ["distances skipped"] if skips else []
    rows = []
    for case in cases:
        marks = {n: "†" if case["rivals"].get(n, {}).get("note") else "" for n in others}
        rows.append(
            [
                case["title"],
                time_text(seconds(case, OURS)),
                time_text(seconds(case, ANCHOR)),
                ratio_text(ratio(case)),
                *(f"{case[name]:g}" if case[name] else "-" for name in ("must", "goal")),
                agreement(case),
                *(ratio_text(ratio(case, name), marks[name]) for name in others),
                *([skipped_text(case)] if skips else []),
            ]
        )
    return grid(head, rows)


def _when(cases):
    """When the cases of a table were measured, those of the top of the page."""
    dates = sorted({case["run"] for case in cases})
    return f"Measured {', '.join(dates)}.\n"


def _base(heading, cases):
    """What the sizes are that do not change in a panel."""
    n, d, k, _ = BASES[heading].values()
    return (
        f"Ten iterations from one start. In every panel one size is changed, and the others stay: {n:,} rows of {d} "
        f"features, {k} clusters or components, {max(case['threads'] for case in cases)} threads.\n"
    )


def _notes(cases):
    found = {}
    for case in cases:
        for name, record in case["rivals"].items():
            if record.get("note"):
                found.setdefault(name, {})[record["note"]] = None
    return "".join(f"- † {name}: {'; or '.join(notes)}\n" for name, notes in found.items())


def _picture(figures, heading):
    return [f"![{_capital(heading)}]({figures[heading]})\n"] if heading in figures else []


def _memory(results):
    rows = []
    for name, case in results["cases"].items():
        if case["memory"]:
            ours, theirs = (case["memory"].get(rival) for rival in (OURS, ANCHOR))
            rows_mb = case["n"] * case["d"] * int(case["dtype"][1]) / 1e6
            cells = [f"{v / 1e6:.0f}" if v is not None else "-" for v in (ours, theirs)]
            less = f"{theirs / ours:.1f}" if ours and theirs else "-"
            rows.append([name, f"{rows_mb:.0f}", *cells, less])
    if not rows:
        return ""
    head = ["case", "X, MB", "fastmix, MB", "scikit-learn, MB", "theirs / ours"]
    text = "Most memory of a fit beyond X and what the process had before, in a process of its own.\n\n"
    return "## Memory\n\n" + text + grid(head, rows)


def _losses(results):
    lost = [[name, rival, f"{value:.2f}"] for value, name, rival in losses(results)]
    missed = [
        [name, f"{ratio(case):.3g}", f"{case['must']:g}"]
        for name, case in results["cases"].items()
        if case["must"] and ratio(case) is not None and ratio(case) < case["must"]
    ]
    text = "## Where fastmix loses\n\n"
    text += grid(["case", "to", "ratio"], lost, 2) if lost else "Nowhere among these cases.\n"
    text += "\n## Promises not kept\n\n"
    return text + (grid(["case", "ratio", "must"], missed) if missed else "None is open.\n")


def _failed(results):
    """Reasons for records without seconds, with the cases they concern."""
    found = {}
    for name, case in results["cases"].items():
        for rival, record in case["rivals"].items():
            if "reason" in record and not record["reason"].startswith("has no "):
                found.setdefault((rival, record["reason"]), []).append(name)
    if not found:
        return ""
    rows = [
        [rival, reason.replace("|", "/"), names[0] if len(names) == 1 else f"{len(names)} cases"]
        for (rival, reason), names in found.items()
    ]
    return "## What could not run\n\n" + grid(["rival", "why", "where"], rows, 3)


def _capital(text):
    return text if text.startswith("k-means") else text[:1].upper() + text[1:]
