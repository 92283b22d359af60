"""The course of the objective, start by start, as fitted models remember it."""

from typing import Any, NamedTuple

import numpy as np

from fastmix.plotting._geometry import Array


class Course(NamedTuple):
    """One start, or one more run of a search from where another ended."""

    first: int  # passes that were done before, by the runs that it goes on from
    values: Array  # (m,) objective before every pass, and of k-means at the end
    best: bool  # is it the one that was kept?


class Courses(NamedTuple):
    """All starts of one fit."""

    runs: list[Course]
    failed: int  # starts that ended in an error, of which there is nothing to see
    objective: str
    falls: bool  # does the objective fall from pass to pass, rather than rise?
    unit: str  # what it is that passes: a pass, a batch, a cluster more

    @property
    def number(self) -> int:
        """Of all starts."""
        return len(self.runs) + self.failed

    @property
    def best(self) -> float:
        """The best value that any run has reached."""
        choose = np.min if self.falls else np.max
        return float(choose([choose(run.values) for run in self.runs if len(run.values)]))

    def gaps(self) -> list[Array]:
        """How far every value is from the best of all, for every run."""
        return [np.abs(run.values - self.best) for run in self.runs]

    def interesting(self) -> float:
        """The largest gap after a first pass, which mends what is least like an end, the seeds."""
        later = [values[1:].max(initial=0.0) for values in self.gaps()]
        return float(max(later)) or max(float(values.max()) for values in self.gaps())


def courses(model: Any) -> Courses:
    """What a fitted model tells of its starts; TypeError if it keeps nothing of the kind."""
    mixture = hasattr(model, "means_")
    name = "lower_bounds_" if mixture else "inertia_history_"
    whole = [Course(0, np.asarray(getattr(model, name, ()), np.float64), True)]
    records = list(getattr(model, "init_results_", ()))
    if hasattr(model, "n_steps_"):  # of mini-batches: starts are compared before the first one
        found = Courses(whole, 0, "inertia of a row, by batch", True, "batch")
    elif hasattr(model, "bisecting_strategy"):  # its starts are those of splits, each of other rows
        splits = [Course(2, whole[0].values, True)]
        found = Courses(splits, 0, "inertia", True, "clusters")
    elif mixture:
        runs = [Course(0, np.array(each.history), each.best) for each in records if not each.error]
        failed = len(records) - len(runs)
        found = Courses(runs if records else whole, failed, "lower bound", False, "pass")
    else:
        found = Courses(_of_kmeans(records), 0, "inertia", True, "pass")
    if not any(len(run.values) for run in found.runs):
        kind = type(model).__name__
        raise TypeError(
            f"model must remember the objective of its passes, as {name} and init_results_, got a "
            f"{kind} that does not. Models of fastmix do once they are fitted; of one of scikit-learn, "
            f"or one that was converted, draw fastmix.{kind}(...).fit(X) with the same parameters."
        )
    return found


def _of_kmeans(records: list[Any]) -> list[Course]:
    """One course for every record; the runs of a search follow each other."""
    runs, passed = list[Course](), 0
    for each in records:
        first = passed if each.breath else 0
        runs.append(Course(first, np.array([*each.history, each.inertia]), each.best))
        passed = first + len(each.history)
    return runs
