"""The table of cases. To add one, add a line."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import data


class Case(NamedTuple):
    """What every rival is asked to do, in the words of scikit-learn."""

    family: str  # cases of one table and one figure
    title: str  # tells it from the others of its family
    make: Callable[[int, int, int], Any]  # rows from n, d, k
    n: int
    d: int
    k: int
    estimator: str = "KMeans"
    iterations: int | None = None  # exactly so many; None: until it converges, by its defaults
    start: str = "own"  # 'given' to all, only the 'means' of a mixture, or each rival's 'own'
    method: str = "fit"
    options: dict[str, Any] = {}  # further parameters of the estimator
    ours: dict[str, Any] = {}  # and those that fastmix alone has
    dtype: str = "f8"
    must: float | None = (
        None  # scikit-learn's seconds / ours: what we promise, and what we hope for
    )
    goal: float | None = None
    memory: bool = False  # measure the peak memory too
    axis: str = ""  # of a scaling figure: 'n', 'd', 'k' or 'threads'
    threads: int | None = None  # None: as many as the command was told

    @property
    def name(self):
        """The case in the JSON and on the command line."""
        return f"{self.family}: {self.title}"

    def rows(self):
        """X (n, d), C-ordered."""
        return np.ascontiguousarray(self.make(self.n, self.d, self.k), dtype=self.dtype)

    def shrunk(self):
        """The same case on few rows, for tests."""
        n, k = min(self.n, 1500), min(self.k, 6)
        return self._replace(n=n, d=min(self.d, 12), k=k)


def _size(n, d, k, *more):
    return ", ".join([f"{n:,} x {d}", f"k={k}", *more])


def _kmeans(kind, make, n, d, k, dtype, iterations, must, goal, memory=False):
    return Case(
        "k-means",
        f"{kind} {_size(n, d, k, *(['float32'] if dtype == 'f4' else []))}",
        make, n, d, k,
        iterations=iterations, start="given", dtype=dtype, must=must, goal=goal, memory=memory,
    )  # fmt: skip


KMEANS = [
    _kmeans("blobs", data.blobs, 1_000_000, 2, 50, "f8", 20, 10, 20, memory=True),
    _kmeans("pixels of china.jpg", data.pixels, 273_280, 3, 64, "f4", 25, 8, 15),
    _kmeans("blobs", data.blobs, 500_000, 8, 64, "f8", 20, 5, 8, memory=True),
    _kmeans("blobs", data.blobs, 300_000, 16, 100, "f8", 20, 4, 6),
    _kmeans("blobs", data.blobs, 200_000, 32, 100, "f4", 20, 3.5, 6),
    _kmeans("overlapping", data.overlapping, 300_000, 20, 8, "f8", 20, 3.5, 6),
    _kmeans("decaying spectrum", data.spectrum, 100_000, 128, 256, "f4", 20, 3, 5, memory=True),
    _kmeans("one round cloud", data.isotropic, 60_000, 128, 256, "f4", 20, 1.6, 2),
    _kmeans("MNIST digits", data.mnist, 5_000, 784, 10, "f8", 20, 2.5, 4),
    _kmeans("tiny", data.blobs, 500, 2, 5, "f8", 10, 1, 2),
]

KMEANS_DEFAULT = [
    Case("k-means, default fit", _size(n, d, k, *([f"n_init={runs}"] if runs else [])),
         data.blobs, n, d, k, must=must, goal=goal,
         options={"random_state": 0, **({"n_init": runs} if runs else {})})
    for n, d, k, runs, must, goal in [
        (100_000, 16, 200, None, 5, 10),
        (1_000_000, 2, 100, None, 10, 20),
        (50_000, 50, 1000, None, 4, 8),
        (200_000, 8, 8, 10, 8, 15),
    ]
]  # fmt: skip

KMEANS_KIN = [
    Case("k-means, its kin", f"{estimator} {_size(n, d, k)}", data.blobs, n, d, k, estimator,
         options={"random_state": 0}, must=must)
    for estimator, n, d, k, must in [
        ("MiniBatchKMeans", 1_000_000, 16, 100, 3),
        ("BisectingKMeans", 500_000, 8, 64, 5),
    ]
]  # fmt: skip

SEARCHES = [
    ("iris", data.iris, 150, 4, 9),
    ("iris", data.iris, 150, 4, 10),
    ("wine", data.wine, 178, 13, 20),
    ("digits", data.digits, 1_797, 64, 10),
    ("digits", data.digits, 1_797, 64, 50),
    ("breast cancer", data.cancer, 569, 30, 30),
    ("diabetes", data.diabetes, 442, 10, 40),
    ("health insurance", data.health, 20_190, 10, 50),
    ("every 16th pixel of china.jpg", data.some_pixels, 17_080, 3, 64),
    ("evenly spread rows", data.even, 1_000, 2, 100),
]
KMEANS_SEARCH = [
    Case("k-means, n_init='breathing'", f"one start of blobs {_size(100_000, 16, 100)}",
         data.blobs, 100_000, 16, 100, options={"random_state": 0}, ours={"n_init": "breathing"},
         must=1),
    *(Case("k-means, n_init='breathing'", f"ten starts of {title} {_size(n, d, k)}", make, n, d, k,
           options={"random_state": 0, "n_init": 10}, ours={"n_init": "breathing"})
      for title, make, n, d, k in SEARCHES),
]  # fmt: skip

KMEANS_PREDICTIONS = [
    Case("k-means, predictions", f"{method} {_size(n, d, k)}", data.blobs, n, d, k,
         iterations=1, start="given", method=method, must=1)
    for method in ("predict", "transform")
    for n, d, k in [(1_000_000, 2, 50), (300_000, 16, 100), (50_000, 128, 100)]
]  # fmt: skip

FROM_ONE_START = [
    ("full", 1_000_000, 2, 5, 100, 160),
    ("full", 300_000, 8, 32, 75, 150),
    ("full", 200_000, 16, 20, 30, 70),
    ("full", 50_000, 64, 10, 9.5, 20),
    ("tied", 300_000, 8, 32, 60, 100),
    ("tied", 100_000, 32, 50, 50, 80),
    ("diag", 200_000, 16, 20, 12, 20),
    ("spherical", 200_000, 16, 20, 12, 20),
    ("diag", 50_000, 128, 64, 5, 10),
    ("full", 500, 2, 5, 3, 6),
]
MIXTURES = [
    Case("mixtures" if start == "given" else "mixtures, only the means given",
         f"{kind} {_size(n, d, k)}", data.ellipsoids, n, d, k, "GaussianMixture",
         iterations=10, start=start, options={"covariance_type": kind}, must=must, goal=goal,
         memory=start == "given" and n >= 50_000)
    for start in ("given", "means")
    for kind, n, d, k, must, goal in FROM_ONE_START
]  # fmt: skip

MIXTURES_DEFAULT = [
    Case("mixtures, default fit", f"full {_size(n, d, k)}", data.ellipsoids, n, d, k,
         "GaussianMixture", options={"random_state": 0}, must=10, goal=20)
    for n, d, k in [(200_000, 2, 5), (50_000, 16, 20)]
]  # fmt: skip

MIXTURE_PREDICTIONS = [
    Case("mixtures, predictions", f"{method} {_size(n, d, k)}", data.ellipsoids, n, d, k,
         "GaussianMixture", iterations=1, start="given", method=method, must=must)
    for method in ("predict_proba", "score_samples", "predict")
    for n, d, k, must in [(1_000_000, 2, 5, 20), (50_000, 64, 10, 8)]
]  # fmt: skip

BAYESIAN = [
    Case("Bayesian mixtures", f"full {_size(100_000, 8, 20)}", data.ellipsoids, 100_000, 8, 20,
         "BayesianGaussianMixture", iterations=10, options={"random_state": 0}, must=20)
]  # fmt: skip

REAL = [
    Case("real data", f"{kind} of {title}, {_size(n, d, k)}", make, n, d, k, estimator,
         iterations=iterations, start="given",
         options={"reg_covar": 1e-3, "covariance_type": kind} if estimator != "KMeans" else {})
    for title, make, n, d, k, estimator, kind, iterations in [
        ("china.jpg's pixels", data.pixels, 273_280, 3, 5, "GaussianMixture", "full", 10),
        ("digits", data.digits, 1_797, 64, 10, "KMeans", "k-means", 20),
        ("digits", data.digits, 1_797, 64, 10, "GaussianMixture", "diag", 10),
        ("health insurance", data.health, 20_190, 10, 20, "KMeans", "k-means", 20),
        ("health insurance", data.health, 20_190, 10, 8, "GaussianMixture", "full", 10),
        ("New York's flights", data.flights, 327_346, 5, 50, "KMeans", "k-means", 20),
        ("New York's flights", data.flights, 327_346, 5, 12, "GaussianMixture", "full", 10),
    ]
]  # fmt: skip


def _scaling(estimator, make, family, values):
    """Cases that differ from the base of a family in one size."""
    for axis, sizes in values.items():
        for size in sizes:
            n, d, k, threads = (BASES[family] | {axis: size}).values()
            yield Case(
                family,
                f"{axis}={size:,} of {_size(n, d, k)}",
                make, n, d, k, estimator,
                iterations=10, start="given", axis=axis,
                threads=threads if axis == "threads" else None,
            )  # fmt: skip


BASES = {
    "k-means, scaling": {"n": 200_000, "d": 8, "k": 32, "threads": 2},
    "mixtures, scaling": {"n": 100_000, "d": 8, "k": 10, "threads": 2},
}

SCALING = [
    *_scaling(
        "KMeans",
        data.blobs,
        "k-means, scaling",
        {
            "n": (12_500, 50_000, 200_000, 800_000, 1_600_000),
            "d": (2, 8, 32, 128),
            "k": (8, 32, 128, 512),
            "threads": (1, 2),
        },
    ),
    *_scaling(
        "GaussianMixture",
        data.ellipsoids,
        "mixtures, scaling",
        {
            "n": (6_250, 25_000, 100_000, 400_000, 800_000),
            "d": (2, 8, 32, 64),
            "k": (5, 10, 20, 40),
            "threads": (1, 2),
        },
    ),
]

CASES = {
    case.name: case
    for case in [
        *KMEANS,
        *KMEANS_DEFAULT,
        *KMEANS_KIN,
        *KMEANS_SEARCH,
        *KMEANS_PREDICTIONS,
        *MIXTURES,
        *MIXTURES_DEFAULT,
        *MIXTURE_PREDICTIONS,
        *BAYESIAN,
        *REAL,
        *SCALING,
    ]
}
