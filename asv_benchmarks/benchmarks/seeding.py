"""Starting centers of every seeding, on packed rows and on bytes, and what is left of the distances."""

import numpy as np

from fastmix import KMeans
from fastmix.engine.seeds import SEEDINGS

from . import Warm, problem, sizes
from .kernels import in_tiles


class Draw(Warm):
    """The rows that become centers; few features are drawn in tiles, many with the help of bytes."""

    gated = ("time_draw",)
    params = [list(SEEDINGS), ["20000 x 8, k=32", "5000 x 64, k=32"]]
    param_names = ["seeding", "shape"]

    def setup(self, seeding, shape):
        X, _ = problem(shape)
        self.rows, self.k = in_tiles(X), sizes(shape)[2]
        self.seeding = SEEDINGS[seeding]
        self.draw()

    def draw(self):
        return self.seeding(self.rows).draw(self.k, np.random.RandomState(0))

    def time_draw(self, seeding, shape):
        self.draw()


class Starts(Warm):
    """What ten starts cost, seeds and all, and the inertia of the best."""

    params = list(SEEDINGS)
    param_names = ["seeding"]

    def setup(self, seeding):
        self.X, _ = problem("5000 x 8, k=20")
        self.model = KMeans(20, init=seeding, n_init=10, random_state=0, n_threads=1).fit(self.X)

    def time_fit(self, seeding):
        self.model.fit(self.X)

    def track_inertia(self, seeding):
        return self.model.inertia_

    track_inertia.unit = "squared distance"
