"""The README's figures, taken from peers.json and from nowhere else."""

from .results import families, losses, present, ratio, seconds
from .rivals import ANCHOR, OURS
from .tables import agreement, grid, machines, ratio_text, time_text

START, END = "<!-- peers:start -->\n", "<!-- peers:end -->\n"
FAMILIES = ("k-means", "k-means, default fit", "mixtures", "mixtures, default fit", "real data")


def block(results):
    """What stands between the two marks."""
    head = ["case", "fastmix s", "scikit-learn s", "ratio", "agreement", "best of the others"]
    rows = []
    for family, cases in families(results).items():
        for case in cases if family in FAMILIES else ():
            others = {n: ratio(case, n) for n in present([case]) if n != ANCHOR}
            best = min(others, key=others.__getitem__, default=None)
            mark = "†" if best and case["rivals"][best].get("note") else ""
            rows.append(
                [
                    f"{family}: {case['title']}",
                    time_text(seconds(case, OURS)),
                    time_text(seconds(case, ANCHOR)),
                    ratio_text(ratio(case)),
                    agreement(case),
                    f"{best} {ratio_text(others[best], mark)}" if best else "-",
                ]
            )
    compared = sum(
        ratio(c, n) is not None for c in results["cases"].values() for n in c["rivals"] if n != OURS
    )
    ending = (
        f"\nSlower than a rival in {len(losses(results))} of {compared} comparisons; "
        "[docs/performance](docs/performance/peers.md) has them all, and says what the columns and marks mean.\n"
    )
    return grid(head, rows) + ending + "".join(machines(results["runs"]))


def write(results, path):
    """Put the block between the marks of a README.

    Raises
    ------
    ValueError
        If the marks are not there, once each and in order.
    """
    text = path.read_text(encoding="utf-8")
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(
            f"{path} must have the line {START.strip()} and below it {END.strip()}; "
            "add the two where the table shall stand."
        )
    path.write_text(before + start + block(results) + end + after, encoding="utf-8")
