"""k-means and Gaussian mixtures on the CPU, compiled, behind scikit-learn's API."""

from importlib import import_module
from types import ModuleType

from fastmix._commands.info import show_versions
from fastmix.cluster import BisectingKMeans, KMeans, MiniBatchKMeans, k_means, kmeans_plusplus
from fastmix.mixture import (
    BayesianGaussianMixture,
    GaussianMixture,
    MiniBatchGaussianMixture,
)
from fastmix.saving import load, save
from fastmix.selection import select_gmm, select_kmeans

__all__ = [
    "BayesianGaussianMixture",
    "BisectingKMeans",
    "GaussianMixture",
    "KMeans",
    "MiniBatchGaussianMixture",
    "MiniBatchKMeans",
    "__version__",
    "k_means",
    "kmeans_plusplus",
    "load",
    "save",
    "select_gmm",
    "select_kmeans",
    "show_versions",
]
__version__ = "0.1.0"

_LATER = ("metrics", "plotting", "saving", "sources")


def __getattr__(name: str) -> ModuleType:
    """Public modules are imported when they are first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    """What there is, asked for or not."""
    return sorted({*globals(), *_LATER})
