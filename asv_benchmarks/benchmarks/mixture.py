"""Mixtures from an explicit start: every covariance type, both estimators, threads, and how well they end."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastmix import BayesianGaussianMixture, GaussianMixture
from fastmix.engine.covariances import COVARIANCES

from . import N_ITER, Threaded, Warm, problem

SHAPES = ["100000 x 2, k=5", "30000 x 8, k=32", "10000 x 64, k=10"]


def model(means, covariance_type="full", n_threads=1, **choices):
    """A mixture that runs N_ITER iterations from `means`, equal weights and unit covariances."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is the point
    k, d = means.shape
    shape = COVARIANCES[covariance_type].shape(k, d)
    unit = np.eye(d) if shape[-2:] == (d, d) else 1.0  # diag has (k, d), and no k here is its d
    given = {
        "weights_init": np.full(k, 1 / k),
        "means_init": means,
        "precisions_init": np.broadcast_to(unit, shape).copy(),
        "init_params": "random_from_data",
        "random_state": 0,
        "max_iter": N_ITER,
        "tol": 0,
    }
    return GaussianMixture(
        k, covariance_type=covariance_type, n_threads=n_threads, **given | choices
    )


class Fit(Warm):
    """A fit on one thread, and the bound on the mean log-likelihood it reaches."""

    params = [list(COVARIANCES), SHAPES]
    param_names = ["covariance_type", "shape"]

    def setup(self, covariance_type, shape):
        self.X, means = problem(shape)
        self.model = model(means, covariance_type).fit(self.X)  # compiles

    def time_fit(self, covariance_type, shape):
        self.model.fit(self.X)

    def track_lower_bound(self, covariance_type, shape):
        return self.model.lower_bound_

    track_lower_bound.unit = "nats"


class Converge(Warm):
    """A fit until the bound hardly moves, how many iterations it takes, and what a row is then worth."""

    gated = ("time_fit", "track_n_iter")
    params = ["none", "squarem"]
    param_names = ["accelerate"]

    def setup(self, accelerate):
        self.X, means = problem("2000 x 4, k=5")
        leaps = {} if accelerate == "none" else {"accelerate": accelerate}
        self.model = model(means, tol=1e-4, max_iter=500, **leaps).fit(self.X)

    def time_fit(self, accelerate):
        self.model.fit(self.X)

    def track_n_iter(self, accelerate):
        return self.model.n_iter_

    def track_loss(self, accelerate):
        return -self.model.score(self.X)

    track_n_iter.unit = "iterations"
    track_loss.unit = "nats"


class Bayesian(Warm):
    """A fit of the Bayesian mixture, and the bound on the evidence it reaches."""

    params = list(COVARIANCES)
    param_names = ["covariance_type"]

    def setup(self, covariance_type):
        warnings.simplefilter("ignore", ConvergenceWarning)
        self.X, _ = problem("10000 x 8, k=16")
        self.model = BayesianGaussianMixture(
            n_components=16,
            covariance_type=covariance_type,
            init_params="random_from_data",
            random_state=0,
            max_iter=N_ITER,
            tol=0,
            n_threads=1,
        ).fit(self.X)

    def time_fit(self, covariance_type):
        self.model.fit(self.X)

    def track_lower_bound(self, covariance_type):
        return float(np.sum(self.model.lower_bound_))

    track_lower_bound.unit = "nats"


class Threads(Threaded):
    """A fit on more threads."""

    gated = ("time_fit",)

    def setup(self, n_threads):
        super().setup(n_threads)
        self.X, means = problem("10000 x 8, k=32")
        self.model = model(means, n_threads=n_threads).fit(self.X)

    def time_fit(self, n_threads):
        self.model.fit(self.X)
