"""scikit-learn-intelex, where it does the work itself."""

import logging

from ..task import CannotRun
from . import estimator

PACKAGE = "scikit-learn-intelex"
ESTIMATORS = ("KMeans",)


def prepare(task):
    """A Job for its KMeans; where that would hand over to scikit-learn, nothing is measured."""
    from sklearnex import cluster

    lines = _Lines()
    log = logging.getLogger("sklearnex")
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    job = estimator.prepare(task, cluster)
    job.run()
    log.removeHandler(lines)
    log.setLevel(logging.WARNING)
    if any("fallback" in line for line in lines.texts):
        raise CannotRun("hands this over to scikit-learn")
    return job


class _Lines(logging.Handler):
    """What was logged."""

    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())
