"""Ours."""

from . import estimator

PACKAGE = "fastmix"
ESTIMATORS = estimator.ESTIMATORS


def prepare(task):
    """A Job for fastmix's estimators."""
    import fastmix

    return estimator.prepare(task, fastmix, **task.case.ours)
