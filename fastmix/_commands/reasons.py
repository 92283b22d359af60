"""Why one library is faster than the other for these rows, in words."""

from fastmix._commands.cases import Case
from fastmix._commands.compare import Line
from fastmix._threads import threads
from fastmix.engine.report import FitReport

SHORT = 0.01  # seconds, in which a call's checks and copies count
LITTLE = 0.1  # of the seconds: what is not worth telling


def why(case: Case, line: Line) -> str:
    """What has made the difference, from a fitted model and the seconds it took."""
    if case.verb == "predict":
        told = [f"{1e9 * line.seconds / line.n:.1f} ns a row in one compiled pass"]
    else:
        told = _fit(case.model.fit_report_)
    used = threads(case.model.n_threads, 3.0 * line.n * line.d * line.k)
    told.append(f"{used} thread{'s' if used > 1 else ''}")
    if line.seconds < SHORT:
        told.append("so short that checks and copies count, which every call makes")
    return "; ".join(told)


def _fit(report: FitReport) -> list[str]:
    """What the passes did and why, what they did without, and where the time went."""
    told = [f"passes: {report.passes} ({report.reason})"]
    if report.share_skipped:
        told.append(f"{report.share_skipped:.1%} of the distances skipped")
    whole = sum(report.seconds)
    phases = report.seconds._asdict().items()
    long = [f"{name} {value / whole:.0%}" for name, value in phases if value > LITTLE * whole]
    return [*told, f"of the time {', '.join(long)}"]
