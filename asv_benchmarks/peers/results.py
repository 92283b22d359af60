"""peers.json: what was measured, when and where. Cases measured again replace their old records."""

import json

from .rivals import ANCHOR, OURS


def read(path):
    """What the file holds, or nothing yet."""
    if not path.exists():
        return {"runs": [], "cases": {}}
    return json.loads(path.read_text(encoding="utf-8"))


def add(results, run, case, rivals, memory):
    """Put one case into the results; `run` is the machine it ran on."""
    if run not in results["runs"]:
        results["runs"].append(run)
    kept = ("family", "title", "method", "start", "n", "d", "k", "dtype", "must", "goal", "axis")
    record = {name: getattr(case, name) for name in kept}
    record["threads"] = case.threads or run["threads"]
    record["run"] = run["date"]
    record["rivals"], record["memory"] = rivals, memory
    results["cases"][case.name] = record


def write(results, path, order):
    """Write the cases in the order of the table, and the runs that they still come from."""
    found = results["cases"]
    ordered = [*(name for name in order if name in found), *(n for n in found if n not in order)]
    used = {found[name]["run"] for name in ordered}
    kept = {
        "runs": [run for run in results["runs"] if run["date"] in used],
        "cases": {name: found[name] for name in ordered},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def families(results):
    """Cases by family, without those of the scaling figures."""
    found = {}
    for case in results["cases"].values():
        if not case["axis"]:
            found.setdefault(case["family"], []).append(case)
    return found


def seconds(case, rival):
    """Seconds of a rival at a case, None where it has none."""
    return case["rivals"].get(rival, {}).get("seconds")


def ratio(case, rival=ANCHOR):
    """A rival's seconds by ours: above 1 we are faster. None where one of the two has none."""
    ours, theirs = seconds(case, OURS), seconds(case, rival)
    return theirs / ours if ours and theirs else None


def present(cases):
    """The rivals, ours not among them, that ran at least one of the cases."""
    names = {name: None for case in cases for name in case["rivals"] if name != OURS}
    return [name for name in names if any(ratio(case, name) for case in cases)]


def losses(results):
    """(ratio, case, rival) of all that were faster than we, the worst first."""
    found = [
        (value, name, rival)
        for name, case in results["cases"].items()
        for rival in case["rivals"]
        if rival != OURS and (value := ratio(case, rival)) is not None and value < 1
    ]
    return sorted(found)
