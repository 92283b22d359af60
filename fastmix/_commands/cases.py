"""What is measured: rows, generated and real, and models that are to be fitted to them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_sample_image, make_blobs

from fastmix.cluster import KMeans
from fastmix.mixture import GaussianMixture

Array = NDArray[Any]
COLOURS = 64  # clusters of the pixels of a photograph


class Case(NamedTuple):
    """A model and rows, and whether fits are measured or predictions."""

    name: str
    verb: str  # 'fit' or 'predict'
    model: Any  # fastmix's estimator, not fitted
    X: Array  # (n, d)

    @property
    def kind(self) -> str:
        """The kind of model, by which bars are coloured."""
        return "k-means" if hasattr(self.model, "n_clusters") else "mixtures"


def photograph() -> Array:
    """A photograph, (height, width, 3) float32 in [0, 1]."""
    return np.asarray(load_sample_image("china.jpg"), np.float32) / np.float32(255)


def blobs(n: int, d: int, k: int, spread: float) -> Array:
    """Rows (n, d) of k round clusters, their standard deviation in that of their centers."""
    random = RandomState(0)
    return np.asarray(
        make_blobs(n, d, centers=random.normal(size=(k, d)), cluster_std=spread, random_state=1)[0]
    )


def built_in() -> list[Case]:
    """The cases for those who have no rows at hand: fits by the defaults, and what comes after."""
    pixels = photograph().reshape(-1, 3)
    start = pixels[RandomState(0).choice(len(pixels), COLOURS, replace=False)]
    plane, space = blobs(200_000, 2, 50, 0.1), blobs(100_000, 16, 64, 0.3)
    wide, cloud = blobs(20_000, 100, 50, 0.5), blobs(50_000, 20, 8, 1.0)
    colours = KMeans(COLOURS, init=start)
    full = GaussianMixture(10, random_state=0)
    few = blobs(50_000, 8, 10, 0.7)
    return [
        Case("blobs, 2 features, k-means", "fit", KMeans(50, random_state=0), plane),
        Case("blobs, 16 features, k-means", "fit", KMeans(64, random_state=0), space),
        Case("blobs, 100 features, k-means", "fit", KMeans(50, random_state=0), wide),
        Case("overlapping, few clusters, k-means", "fit", KMeans(8, random_state=0), cloud),
        Case("pixels of a photograph, k-means", "fit", colours, pixels),
        Case("pixels of a photograph, predict", "predict", colours, pixels),
        Case("8x8 digits, k-means", "fit", KMeans(10, random_state=0), load_digits().data),
        Case("blobs, mixture, full", "fit", full, few),
        Case("blobs, mixture, predict", "predict", full, few),
        Case(
            "blobs, mixture, diag",
            "fit",
            GaussianMixture(10, covariance_type="diag", random_state=0),
            few,
        ),
    ]


def of_rows(X: Array, k: int, name: str) -> list[Case]:
    """The cases for somebody's own rows."""
    mixtures = {
        kind: GaussianMixture(k, covariance_type=kind, random_state=0) for kind in ("full", "diag")
    }
    return [
        Case(f"{name}, k-means", "fit", KMeans(k, random_state=0), X),
        *(Case(f"{name}, mixture, {kind}", "fit", model, X) for kind, model in mixtures.items()),
    ]
