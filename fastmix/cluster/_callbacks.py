"""scikit-learn's callbacks, where the installed version has them.

A fit is a tree of tasks: the fit, its starts (or splits), their iterations. Callbacks such as
scikit-learn's progress bar are told when each begins and ends, and may end the iterations early.
"""

from collections.abc import Callable
from typing import Any

from fastmix.engine.results import Array
from fastmix.engine.watch import Watcher
from fastmix.sources import Method

__all__ = ["CallbackSupport", "Task", "first_task", "with_callbacks"]

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupport
    from sklearn.callback import with_callbacks as supporting
except ImportError:  # scikit-learn < 1.9

    class CallbackSupport:  # type: ignore[no-redef]
        """Callbacks are not known."""

    def supporting(method: Method) -> Method:
        """There is nothing to do."""
        return method


def with_callbacks(method: Method) -> Method:
    """Decorates fit, so that callbacks are told of it."""
    told: Method = supporting(method)
    return told


class Task:
    """A part of a fit. This one has nobody to tell."""

    def part(self, name: str, n_parts: int | None = 0) -> "Task":
        """A part of this task begins; it has so many itself, None if that is not known."""
        return self

    def end(self, attributes: Callable[[], dict[str, Any]] | None = None) -> bool:
        """The task ends: shall its like be stopped? The attributes make an estimator of what there is."""
        return False

    def iterations(self, attributes: Callable[[Array], dict[str, Any]]) -> Watcher:
        """Who is told of the iterations that are the parts of this task."""
        return Watcher()


class _ToldTask(Task):
    """A part of a fit of which callbacks are told."""

    def __init__(self, estimator: Any, context: Any, data: dict[str, Any]) -> None:
        self.estimator, self.context, self.data = estimator, context, data
        context.call_on_fit_task_begin(estimator=estimator, **data)

    def part(self, name: str, n_parts: int | None = 0) -> Task:
        context = self.context.subcontext(task_name=name, max_subtasks=n_parts)
        return _ToldTask(self.estimator, context, self.data)

    def end(self, attributes: Callable[[], dict[str, Any]] | None = None) -> bool:
        tell = self.context.call_on_fit_task_end
        return tell(estimator=self.estimator, reconstruction_attributes=attributes, **self.data)

    def iterations(self, attributes: Callable[[Array], dict[str, Any]]) -> Watcher:
        return _Iterations(self, attributes)


class _Iterations(Watcher):
    """Every iteration is a part of a task."""

    def __init__(self, task: Task, attributes: Callable[[Array], dict[str, Any]]) -> None:
        self.task, self.attributes = task, attributes

    def begin(self) -> None:
        self.now = self.task.part("iteration")

    def end(self, centers: Array) -> bool:
        return self.now.end(lambda: self.attributes(centers))


def first_task(estimator: Any, X: Any, sample_weight: Any, n_parts: int | None) -> Task:
    """The fit of an estimator as a task."""
    if not getattr(estimator, "_skl_callbacks", None):  # nor are there any before scikit-learn 1.9
        return Task()
    context = estimator._init_callback_context(max_subtasks=n_parts)
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return _ToldTask(estimator, context, {"X": X, "metadata": metadata})
