"""KMeans: every algorithm, from an explicit start, for a fixed number of iterations."""

import numpy as np

from fastmix import KMeans
from fastmix.engine.algorithms import ALGORITHMS

from . import N_ITER, THREADS, Fresh, Warm, first_call

SHAPES = {
    "100000 x 2, k=10": (100_000, 2, 10),
    "100000 x 8, k=10": (100_000, 8, 10),
    "20000 x 32, k=100": (20_000, 32, 100),
}


def data(shape):
    """One normal cloud (n, d), in which centers keep moving, and a start (k, d) out of it."""
    n, d, k = SHAPES[shape]
    X = np.random.default_rng(0).standard_normal((n, d))
    return X, X[:k].copy()


def model(start, **choices):
    """A KMeans that runs N_ITER iterations from `start`."""
    return KMeans(len(start), init=start, n_init=1, max_iter=N_ITER, tol=0, **choices)


class Fit(Warm):
    """A fit on one thread, and the inertia it reaches."""

    params = [list(ALGORITHMS), list(SHAPES)]
    param_names = ["algorithm", "shape"]

    def setup(self, algorithm, shape):
        self.X, start = data(shape)
        self.model = model(start, algorithm=algorithm, n_threads=1).fit(self.X)  # compiles

    def time_fit(self, algorithm, shape):
        self.model.fit(self.X)

    def track_inertia(self, algorithm, shape):
        return self.model.inertia_

    track_inertia.unit = "squared distance"


class Predict(Warm):
    """Labels of all rows on one thread."""

    params = list(SHAPES)
    param_names = ["shape"]

    def setup(self, shape):
        self.X, start = data(shape)
        self.model = model(start, n_threads=1).fit(self.X)
        self.model.predict(self.X)

    def time_predict(self, shape):
        self.model.predict(self.X)


class Threads(Warm):
    """The same fit on more threads."""

    params = THREADS
    param_names = ["n_threads"]

    def setup(self, n_threads):
        self.X, start = data("20000 x 32, k=100")
        self.model = model(start, n_threads=n_threads).fit(self.X)

    def time_fit(self, n_threads):
        self.model.fit(self.X)


class Import(Fresh):
    """Importing fastmix, which compiles nothing."""

    def timeraw_import(self):
        return "import fastmix"


class FirstFit(Fresh):
    """The first fit of a process."""

    params = [True, False]
    param_names = ["cached"]
    program = (
        "import numpy as np\n"
        "from fastmix import KMeans\n"
        "KMeans(3, n_init=1, n_threads=1).fit(np.arange(300.0).reshape(100, 3))"
    )

    def setup(self, cached):
        exec(self.program)  # fills the cache

    def timeraw_first_fit(self, cached):
        return first_call(cached, self.program)
