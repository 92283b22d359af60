"""Both sides at all benchmarks in turns, and the suspects once more in other processes."""

import contextlib
import math
import re
from concurrent.futures import ThreadPoolExecutor

from .findings import Finding
from .sides import CannotMeasure, Side
from .verdict import RERUNS, typical

SAMPLE = (
    0.005  # seconds, for which brief calls are repeated: of longer samples fewer are undisturbed
)
SWEEPS = 8  # over all benchmarks, so that no burst of noise covers all samples of one
RERUN_SWEEPS = 30  # over suspects only
TURNS = ("ours", "base", "base", "ours")  # in every sweep: what drifts falls on both alike


def compare(trees, folder, pattern="", tell=print):
    """Findings of all benchmarks whose names match the pattern; trees are ours and the base."""
    with _both(trees, folder) as sides:
        findings = _known(sides, pattern)
        tell(f"{len(findings)} benchmarks; kernels that are not in the cache are compiled first")
        _measure(sides, findings, SWEEPS, tell)
    for rerun in range(1, RERUNS + 1):
        suspects = [finding for finding in findings if finding.doubtful]
        if not suspects:
            break
        tell(f"rerun {rerun}: " + "; ".join(f"{one.name} {one.settled:.2f}" for one in suspects))
        again = [Finding(one.name) for one in suspects]
        with _both(trees, folder) as sides:
            _measure(sides, again, RERUN_SWEEPS, tell)
        for one, other in zip(suspects, again, strict=True):
            if math.isnan(other.ratio):
                raise CannotMeasure(f"{one.name} ran once and not again: {other.note}")
            one.reruns.append(other.ratio)
    return findings


@contextlib.contextmanager
def _both(trees, folder):
    """The two workers by name."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Side(name, tree, folder)) for name, tree in trees.items()}


def _known(sides, pattern):
    """What there is to measure: the benchmarks of the working tree."""
    ours, base = (sides[name].ask("names") for name in ("ours", "base"))
    if ours["broken"]:
        raise CannotMeasure(f"benchmarks that cannot be imported: {ours['broken']}")
    chosen = [name for name in ours["names"] if re.search(pattern, name)]
    if not chosen:
        raise CannotMeasure(f"no benchmark's name matches {pattern!r}")
    findings = [Finding(name) for name in chosen]
    for finding in findings:
        if finding.name not in base["names"]:
            why = base["broken"].get(finding.name.partition(".")[0], "it has no such parameter")
            finding.note = f"unknown to the base: {why}"
    return findings


def _measure(sides, findings, sweeps, tell):
    """Prepare what both know, side by side, and sample what is timed, in turns."""
    known = [finding for finding in findings if not finding.note]
    # Compiling takes long: both at once. They begin at either end, so that sides whose kernels are the
    # same, and so share a cache, compile one half each.
    with ThreadPoolExecutor() as pool:
        orders = {"ours": known, "base": known[::-1]}
        jobs = {name: pool.submit(_prepare, sides[name], order) for name, order in orders.items()}
        prepared = {name: job.result() for name, job in jobs.items()}
    timed = []
    for finding in known:
        ours, base = (prepared[name][finding.name] for name in ("ours", "base"))
        if "error" in ours:
            raise CannotMeasure(f"{finding.name}: {ours['error']}")
        finding.note = ours.get("skipped") or base.get("skipped") or ""
        if "error" in base:
            finding.note = f"not measured, the base fails: {base['error']}"
        elif "value" in ours and "value" in base:
            finding.ours, finding.base = [ours["value"]], [base["value"]]
        elif not finding.note:
            timed.append((finding, max(1, math.ceil(SAMPLE / max(base["seconds"], 1e-6)))))
    for sweep in range(sweeps):
        for finding, number in timed:
            for turn in TURNS:
                answer = sides[turn].ask("sample", name=finding.name, number=number)
                if "error" in answer:
                    raise CannotMeasure(f"{finding.name} of {turn}: {answer['error']}")
                getattr(finding, turn).append(answer["seconds"])
        if sweep == 0:
            seconds = sum(number * typical(f.base) * len(TURNS) for f, number in timed)
            tell(f"{len(timed)} are timed; about {seconds * sweeps:.0f} seconds")


def _prepare(side, findings):
    """Its answers for all benchmarks, by name."""
    return {finding.name: side.ask("prepare", name=finding.name) for finding in findings}
