"""k-means and Gaussian mixtures on the CPU, compiled, behind scikit-learn's API."""

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
