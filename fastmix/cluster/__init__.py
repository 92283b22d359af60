"""k-means behind scikit-learn's API."""

from fastmix.cluster.kmeans import KMeans

__all__ = ["KMeans"]
