"""What a measurement has found, as text, as a page in Markdown, and as JSON."""

from typing import Any, NamedTuple

import numpy as np

from fastmix._commands.cases import Case
from fastmix._commands.compare import HEAD, Line, cells
from fastmix._commands.tables import markdown, plain

COLUMNS = ("case", *HEAD[1:])
SAME = 1.2  # ratios between this and its inverse are nothing to tell
BUSY = 0.5  # processes a CPU that run or wait, above which seconds say little
LEGEND = (
    "Seconds are medians of a few calls in turns, once compiled. The objective is the inertia of k-means (less is\n"
    "better) or the mean log-likelihood of mixtures (more is better). Both libraries start by the same random_state."
)


class Measured(NamedTuple):
    """A case, and what came of it."""

    case: Case
    line: Line
    first_seconds: float  # of the first call, which compiles or loads kernels
    why: str


class Report(NamedTuple):
    """All that was found."""

    measured: list[Measured]
    failed: list[str]  # cases that could not be fitted, and why
    loaded: int  # kernels
    compiled: int
    load: float | None  # processes that ran or waited before
    facts: dict[str, Any]  # of the machine, as `info` has them

    @property
    def lines(self) -> list[Line]:
        """Of the table."""
        return [each.line for each in self.measured]

    @property
    def machine(self) -> str:
        """The machine in a line."""
        system, its, versions = (self.facts[name] for name in ("system", "threads", "versions"))
        told = [
            f"{system['processor']}, {its['threads']} threads, vectors of {system['vector_bits']} bits",
            f"fastmix {versions['fastmix']}, scikit-learn {versions['scikit-learn']}",
        ]
        if self.load is not None and self.load > BUSY * system["cpus"]:
            told.append(f"busy with other work (load {self.load:.1f}), so run it again")
        return "; ".join(told)

    @property
    def verdict(self) -> str:
        """The answer in a sentence."""
        ratios = [line.ratio for line in self.lines]
        faster = sum(ratio > SAME for ratio in ratios)
        slower = sum(ratio < 1 / SAME for ratio in ratios)
        equal = len(ratios) - faster - slower
        told = [f"faster in {faster} of {len(ratios)} cases"]
        told += [f"slower in {slower}"] if slower else []
        told += [f"about as fast in {equal}"] if equal else []
        return (
            f"fastmix is {', '.join(told)}: {min(ratios):.2g} to {max(ratios):.3g} times as fast as "
            f"scikit-learn, in the middle {np.median(ratios):.3g}."
        )

    @property
    def first_calls(self) -> str:
        """What is paid once."""
        seconds = sum(each.first_seconds for each in self.measured)
        return (
            f"The first calls took {seconds:.1f} s in all: {self.compiled} kernels were compiled, and "
            f"{self.loaded} loaded from the cache.\n`python -m fastmix warmup` compiles all of them ahead."
        )

    def as_text(self) -> str:
        """For a terminal."""
        parts = [
            self.machine,
            plain(COLUMNS, map(cells, self.lines)),
            LEGEND,
            _listed("Why:", [f"{each.line.name}: {each.why}" for each in self.measured], "  "),
            *([_listed("Not fitted:", self.failed, "  ")] if self.failed else []),
            self.first_calls,
            self.verdict,
        ]
        return "\n\n".join(parts)

    def as_page(self) -> str:
        """In Markdown, around the figure."""
        parts = [
            "# fastmix against scikit-learn on this machine",
            self.machine,
            self.verdict,
            "![Bars: how many times as fast as scikit-learn](bench.png)",
            markdown(COLUMNS, map(cells, self.lines)).rstrip(),
            LEGEND,
            _listed("Why:\n", [f"{each.line.name}: {each.why}" for each in self.measured], "- "),
            *([_listed("Not fitted:\n", self.failed, "- ")] if self.failed else []),
            self.first_calls,
        ]
        return "\n\n".join(parts) + "\n"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "verdict": self.verdict,
            "cases": [
                {
                    **each.line._asdict(),
                    "verb": each.case.verb,
                    "dtype": str(each.case.X.dtype),
                    "ratio": each.line.ratio,
                    "first_seconds": each.first_seconds,
                    "why": each.why,
                    "phases": each.case.model.fit_report_.seconds._asdict(),
                }
                for each in self.measured
            ],
            "not_fitted": self.failed,
            "kernels": {"loaded": self.loaded, "compiled": self.compiled},
            "load_before": self.load,
            "machine": self.facts,
        }


def _listed(head: str, items: list[str], mark: str) -> str:
    return "\n".join([head, *(f"{mark}{item}" for item in items)])
