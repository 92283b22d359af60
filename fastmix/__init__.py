"""k-means and Gaussian mixtures on the CPU, compiled, behind scikit-learn's API."""

from fastmix.cluster import KMeans
from fastmix.mixture import BayesianGaussianMixture, GaussianMixture

__all__ = ["BayesianGaussianMixture", "GaussianMixture", "KMeans", "__version__"]
__version__ = "0.1.0"
