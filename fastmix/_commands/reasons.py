"""Why one library is faster than the other for these rows, in words."""

from fastmix._commands.cases import Case
from fastmix._commands.compare import Line
from fastmix._numba import threads

SHORT = 0.01  # seconds, in which a call's checks and copies count
LITTLE = 0.005  # of the distances: a share that makes no difference


def why(case: Case, line: Line) -> str:
    """What has made the difference, from a fitted model and the seconds it took."""
    used = threads(case.model.n_threads, 3.0 * line.n * line.d * line.k)
    reasons = [*_passes(case, line), f"{used} thread{'s' if used > 1 else ''}"]
    if line.seconds < SHORT:
        reasons.append("so short that checks and copies count, which every call makes")
    return ", ".join(reasons)


def _passes(case: Case, line: Line) -> list[str]:
    """What the passes over the rows did."""
    model = case.model
    if case.verb == "predict":
        return [f"{1e9 * line.seconds / line.n:.1f} ns a row in one compiled pass"]
    if case.kind == "mixtures":
        each = 1e3 * line.seconds / max(1, model.n_iter_)
        return [f"{model.n_iter_} iterations of {each:.3g} ms, each one compiled pass"]
    best = next(record for record in model.init_results_ if record.best)
    skipped = f"{100 * best.skipped:.3g} %" if best.skipped >= LITTLE else "none"
    return [
        f"algorithm {best.algorithm}",
        f"{skipped} of the distances skipped",
        f"{model.n_iter_} iterations",
    ]
