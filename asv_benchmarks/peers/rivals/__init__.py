"""One file a rival: what it needs installed, what it can do, and how it is asked.

A file has `PACKAGE`, the name on the registry; `ESTIMATORS`, those of scikit-learn's that it has a
counterpart of; and `prepare(task)`, which gives a Job or raises CannotRun. Rivals get what they like
best, such as tensors or float32, before the clock starts.
"""

from importlib import import_module

OURS, ANCHOR = "fastmix", "scikit-learn"
NAMES = (
    OURS,
    ANCHOR,
    "scikit-learn-intelex",
    "faiss-cpu",
    "superkmeans",
    "pomegranate",
    "tgmm",
    "gmmx",
    "mlpack",
)


def load(name):
    """The module of a rival; what the rival itself needs is imported when it prepares."""
    return import_module(f"{__name__}.{name.removesuffix('-cpu').replace('-', '_')}")
