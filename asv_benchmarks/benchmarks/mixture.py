"""GaussianMixture: every covariance type, from an explicit start, for a fixed number of iterations."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastmix import GaussianMixture
from fastmix.engine.covariances import COVARIANCES

from . import N_ITER, THREADS, Fresh, Warm, first_call

SHAPES = {
    "100000 x 2, k=5": (100_000, 2, 5),
    "30000 x 8, k=32": (30_000, 8, 32),
    "10000 x 64, k=10": (10_000, 64, 10),
}


def data(shape):
    """One normal cloud (n, d), which no mixture is done with soon, and means (k, d) out of it."""
    n, d, k = SHAPES[shape]
    X = np.random.default_rng(0).standard_normal((n, d))
    return X, X[:k].copy()


def model(means, covariance_type, n_threads=1):
    """A mixture that runs N_ITER iterations from `means`, equal weights and unit covariances."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is the point
    k, d = means.shape
    shape = COVARIANCES[covariance_type].shape(k, d)
    unit = np.eye(d) if shape[-2:] == (d, d) else 1.0  # diag has (k, d), and no k here is its d
    return GaussianMixture(
        k,
        covariance_type=covariance_type,
        weights_init=np.full(k, 1 / k),
        means_init=means,
        precisions_init=np.broadcast_to(unit, shape).copy(),
        init_params="random_from_data",
        random_state=0,
        max_iter=N_ITER,
        tol=0,
        n_threads=n_threads,
    )


class Fit(Warm):
    """A fit on one thread, and the bound on the mean log-likelihood it reaches."""

    params = [list(COVARIANCES), list(SHAPES)]
    param_names = ["covariance_type", "shape"]

    def setup(self, covariance_type, shape):
        self.X, means = data(shape)
        self.model = model(means, covariance_type).fit(self.X)  # compiles

    def time_fit(self, covariance_type, shape):
        self.model.fit(self.X)

    def track_lower_bound(self, covariance_type, shape):
        return self.model.lower_bound_

    track_lower_bound.unit = "nats"


class Predict(Warm):
    """Labels of all rows on one thread."""

    params = list(COVARIANCES)
    param_names = ["covariance_type"]

    def setup(self, covariance_type):
        self.X, means = data("30000 x 8, k=32")
        self.model = model(means, covariance_type).fit(self.X)
        self.model.predict(self.X)

    def time_predict(self, covariance_type):
        self.model.predict(self.X)


class Threads(Warm):
    """The same fit on more threads."""

    params = THREADS
    param_names = ["n_threads"]

    def setup(self, n_threads):
        self.X, means = data("30000 x 8, k=32")
        self.model = model(means, "full", n_threads).fit(self.X)

    def time_fit(self, n_threads):
        self.model.fit(self.X)


class FirstFit(Fresh):
    """The first fit of a process."""

    params = [True, False]
    param_names = ["cached"]
    program = (
        "import numpy as np\n"
        "from fastmix import GaussianMixture\n"
        "X = np.random.default_rng(0).standard_normal((300, 3))\n"
        "GaussianMixture(2, tol=1, n_threads=1).fit(X)"
    )

    def setup(self, cached):
        exec(self.program)  # fills the cache

    def timeraw_first_fit(self, cached):
        return first_call(cached, self.program)
