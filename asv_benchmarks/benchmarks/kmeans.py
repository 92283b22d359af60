"""k-means from an explicit start: every algorithm, its kin and its threads, and how well it ends."""

import numpy as np

from fastmix import BisectingKMeans, KMeans, MiniBatchKMeans
from fastmix.engine.algorithms import ALGORITHMS

from . import N_ITER, Threaded, Warm, problem

SHAPES = ["100000 x 2, k=10", "100000 x 8, k=10", "20000 x 32, k=100"]


def model(start, max_iter=N_ITER, **choices):
    """A KMeans that runs from `start` until no label changes, or max_iter iterations are done."""
    return KMeans(len(start), init=start, n_init=1, max_iter=max_iter, tol=0, **choices)


class Fit(Warm):
    """A fit on one thread, the inertia it reaches, and the share of the distances it has measured."""

    gated = ("track_distances",)
    params = [list(ALGORITHMS), SHAPES]
    param_names = ["algorithm", "shape"]

    def setup(self, algorithm, shape):
        self.X, start = problem(shape)
        self.model = model(start, algorithm=algorithm, n_threads=1).fit(self.X)  # compiles

    def time_fit(self, algorithm, shape):
        self.model.fit(self.X)

    def track_inertia(self, algorithm, shape):
        return self.model.inertia_

    def track_distances(self, algorithm, shape):
        """Percent of those of Lloyd's algorithm; the others were skipped."""
        return 100 * (1 - self.model.init_results_[0].skipped)

    track_inertia.unit = "squared distance"
    track_distances.unit = "%"


class Single(Warm):
    """The same in float32, by the algorithm that is chosen."""

    gated = ("time_fit",)
    params = SHAPES
    param_names = ["shape"]

    def setup(self, shape):
        self.X, start = problem(shape, np.float32)
        self.model = model(start, n_threads=1).fit(self.X)

    def time_fit(self, shape):
        self.model.fit(self.X)


class Converge(Warm):
    """A fit until no label changes, and how many iterations it takes."""

    gated = ("time_fit", "track_n_iter")
    params = ["1000 x 2, k=5", "3000 x 16, k=20"]
    param_names = ["shape"]

    def setup(self, shape):
        self.X, start = problem(shape)
        self.model = model(start, max_iter=300, n_threads=1).fit(self.X)

    def time_fit(self, shape):
        self.model.fit(self.X)

    def track_n_iter(self, shape):
        return self.model.n_iter_

    def track_inertia(self, shape):
        return self.model.inertia_

    track_n_iter.unit = "iterations"
    track_inertia.unit = "squared distance"


class Kin(Warm):
    """The other ways to k-means, from seeds of their own, and the inertia they reach."""

    params = ["breathing", "mini-batches", "bisecting"]
    param_names = ["way"]

    def setup(self, way):
        self.X, _ = problem("5000 x 8, k=20")
        given = {"random_state": 0, "n_threads": 1}
        self.model = {
            "breathing": KMeans(20, n_init="breathing", **given),
            "mini-batches": MiniBatchKMeans(20, max_iter=3, n_init=1, **given),
            "bisecting": BisectingKMeans(20, **given),
        }[way].fit(self.X)

    def time_fit(self, way):
        self.model.fit(self.X)

    def track_inertia(self, way):
        return self.model.inertia_

    track_inertia.unit = "squared distance"


class Threads(Threaded):
    """A fit on more threads."""

    gated = ("time_fit",)

    def setup(self, n_threads):
        super().setup(n_threads)
        self.X, start = problem("20000 x 32, k=100")
        self.model = model(start, n_threads=n_threads).fit(self.X)

    def time_fit(self, n_threads):
        self.model.fit(self.X)
