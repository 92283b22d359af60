"""How many clusters or components? Fits of several numbers, and the choice among them."""

from fastmix.selection.clusters import select_kmeans
from fastmix.selection.components import select_gmm
from fastmix.selection.result import Selection

__all__ = ["Selection", "select_gmm", "select_kmeans"]
