"""Pictures of fitted models, fastmix's own or scikit-learn's.

Matplotlib is imported when a picture is made, not when this package is imported.
"""

from fastmix.plotting.animation import AnimationDisplay, animate_fit
from fastmix.plotting.clusters import plot_kmeans
from fastmix.plotting.convergence import ConvergenceDisplay, plot_convergence
from fastmix.plotting.density import DensityDisplay, plot_density
from fastmix.plotting.ellipses import plot_gmm
from fastmix.plotting.pairs import PairsDisplay, plot_pairs
from fastmix.plotting.projection import ProjectionDisplay, plot_projection
from fastmix.plotting.responsibilities import ResponsibilitiesDisplay, plot_responsibilities
from fastmix.plotting.selection import SelectionDisplay, plot_selection
from fastmix.plotting.silhouettes import SilhouettesDisplay, plot_silhouettes
from fastmix.plotting.uncertainty import UncertaintyDisplay, plot_uncertainty

__all__ = [
    "AnimationDisplay",
    "ConvergenceDisplay",
    "DensityDisplay",
    "PairsDisplay",
    "ProjectionDisplay",
    "ResponsibilitiesDisplay",
    "SelectionDisplay",
    "SilhouettesDisplay",
    "UncertaintyDisplay",
    "animate_fit",
    "plot_convergence",
    "plot_density",
    "plot_gmm",
    "plot_kmeans",
    "plot_pairs",
    "plot_projection",
    "plot_responsibilities",
    "plot_selection",
    "plot_silhouettes",
    "plot_uncertainty",
]
