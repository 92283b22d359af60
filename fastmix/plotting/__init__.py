"""Pictures of fitted models, fastmix's own or scikit-learn's.

Matplotlib is imported when a picture is made, not when this package is imported.
"""

from fastmix.plotting.clusters import plot_kmeans
from fastmix.plotting.ellipses import plot_gmm
from fastmix.plotting.selection import SelectionDisplay, plot_selection

__all__ = ["SelectionDisplay", "plot_gmm", "plot_kmeans", "plot_selection"]
