"""k-means behind scikit-learn's API."""

from fastmix.cluster.bisecting import BisectingKMeans
from fastmix.cluster.functions import k_means, kmeans_plusplus
from fastmix.cluster.kmeans import KMeans
from fastmix.cluster.minibatch import MiniBatchKMeans

__all__ = ["BisectingKMeans", "KMeans", "MiniBatchKMeans", "k_means", "kmeans_plusplus"]
