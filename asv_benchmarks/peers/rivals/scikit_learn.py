"""scikit-learn, whose seconds every ratio is taken of."""

from types import SimpleNamespace

from . import estimator

PACKAGE = "scikit-learn"
ESTIMATORS = estimator.ESTIMATORS


def prepare(task):
    """A Job for scikit-learn's estimators."""
    from sklearn import cluster, mixture

    return estimator.prepare(task, SimpleNamespace(**vars(cluster) | vars(mixture)))
