"""What was found, as text."""

import math

from .verdict import LIMIT, typical


def report(findings):
    """A line for every benchmark, the slowest first, and what was left out."""
    measured = [one for one in findings if not one.note]
    lines = [f"{'ratio':>6}  {'base':>10}  {'ours':>10}  benchmark"]
    lines += [_line(one) for one in sorted(measured, key=lambda one: -one.settled)]
    lines += [f"left out  {one.name}: {one.note}" for one in findings if one.note]
    return "\n".join(lines)


def summary(findings):
    """The outcome in a line, and in one more for every benchmark that fails."""
    measured = [one for one in findings if not one.note]
    failed = [one for one in measured if one.slower]
    timed = [one.settled for one in measured if not one.counted]
    mean = math.exp(sum(map(math.log, timed)) / len(timed)) if timed else 1.0
    said = f"{len(measured)} benchmarks, {mean:.2f} times the base's time in the mean; "
    if not failed:
        return f"{said}none needs more than {LIMIT} times as much"
    named = (f"\n  {one.settled:.2f}  {one.name}{_seen(one)}" for one in failed)
    return f"{said}SLOWER than {LIMIT} times: {len(failed)}{''.join(named)}"


def _line(one):
    base, ours = (
        f"{typical(side):.6g}" if one.counted else f"{typical(side) * 1e3:.3f} ms"
        for side in (one.base, one.ours)
    )
    mark = "  SLOWER" if one.slower else ""
    return f"{one.settled:6.2f}  {base:>10}  {ours:>10}  {one.name}{_seen(one)}{mark}"


def _seen(one):
    """The ratios of all runs, where there were several."""
    runs = [one.ratio, *one.reruns]
    return f"  (runs: {', '.join(f'{ratio:.2f}' for ratio in runs)})" if one.reruns else ""
