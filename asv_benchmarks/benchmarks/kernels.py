"""The hot kernels on packed rows, on one thread: no checks, no copies, no loop but the engine's.

Operations and bytes a second are those that the plain algorithm would need: what is skipped counts.
"""

import numpy as np

from fastmix.engine import passes
from fastmix.engine.algorithms import ALGORITHMS
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.kmeans import steps
from fastmix.engine.likelihood import Likelihood
from fastmix.engine.results import Frame
from fastmix.engine.rows import measure, pack

from . import Warm, least_seconds, problem, sizes

N_PASSES = 4
GIGA = 1e9


def in_tiles(X):
    """Rows in tiles, neither moved nor scaled."""
    rows = pack(X, Frame(np.zeros(X.shape[1], X.dtype), 0), None, 1)
    assert rows.tiles.size  # they are made when asked for
    return rows


class Passes(Warm):
    """The first passes of every k-means algorithm: nearest centers of all rows, totals of all clusters."""

    gated = ("time_passes",)
    params = [
        [name for name in ALGORITHMS if name != "auto"],
        ["20000 x 3, k=32", "10000 x 16, k=128", "4000 x 64, k=128"],
    ]
    param_names = ["algorithm", "shape"]

    def setup(self, algorithm, shape):
        X, self.centers = problem(shape)
        self.rows, self.algorithm = in_tiles(X), ALGORITHMS[algorithm]
        # what it knows of the rows alone: their order, their bytes
        self.earlier = self.algorithm.start(self.rows, self.centers, None)
        self.run()

    def run(self):
        state = self.algorithm.start(self.rows, self.centers, self.earlier)
        loop = steps(self.rows, self.centers, self.algorithm, state)
        for _ in range(N_PASSES):
            next(loop)

    def time_passes(self, algorithm, shape):
        self.run()

    def track_gflops(self, algorithm, shape):
        return N_PASSES * 3 * np.prod(sizes(shape), dtype=float) / least_seconds(self.run) / GIGA

    track_gflops.unit = "GF/s"


class EStep(Warm):
    """One pass of EM: responsibilities and totals in one, or totals of rows whose labels are known."""

    gated = ("time_expect", "time_tally")
    params = [list(COVARIANCES), ["20000 x 2, k=5", "10000 x 8, k=16", "2000 x 32, k=16"]]
    param_names = ["covariance_type", "shape"]

    def setup(self, covariance_type, shape):
        X, centers = problem(shape)
        self.rows, self.covariance = in_tiles(X), COVARIANCES[covariance_type]
        lloyd = ALGORITHMS["lloyd"]
        state = lloyd.start(self.rows, centers, None)
        lloyd.assign(self.rows, centers, state)
        self.labels, self.origin = state.labels[: len(X)], centers
        self.parameters = Likelihood(self.covariance, 1e-6).first(self.tally())
        self.expect()

    def tally(self):
        return passes.tally(self.rows, self.labels, self.origin, self.covariance)

    def expect(self):
        return passes.expect(self.rows, self.parameters, self.covariance)

    def time_expect(self, covariance_type, shape):
        self.expect()

    def time_tally(self, covariance_type, shape):
        self.tally()

    def track_gflops(self, covariance_type, shape):
        n, d, k = sizes(shape)
        work = n * (self.covariance.work(k, d) + passes.EXP_WORK * k)
        return work / least_seconds(self.expect) / GIGA

    track_gflops.unit = "GF/s"


class Pack(Warm):
    """Rows into tiles, and the look at their columns that comes before."""

    gated = ("time_pack", "time_measure")
    params = [["float64", "float32"], ["100000 x 8, k=1", "10000 x 64, k=1"]]
    param_names = ["dtype", "shape"]

    def setup(self, dtype, shape):
        self.X, _ = problem(shape, dtype)
        self.time_pack(dtype, shape)
        self.time_measure(dtype, shape)

    def time_pack(self, dtype, shape):
        in_tiles(self.X)

    def time_measure(self, dtype, shape):
        measure(self.X, 1)

    def track_bandwidth(self, dtype, shape):
        return 2 * self.X.nbytes / least_seconds(lambda: in_tiles(self.X)) / GIGA

    track_bandwidth.unit = "GB/s"
