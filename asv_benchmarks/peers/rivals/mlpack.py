"""mlpack: C++ on Armadillo, in float64."""

import numpy as np

from ..task import Answer, CannotRun, Job

PACKAGE = "mlpack"
ESTIMATORS = ("KMeans", "GaussianMixture")


def prepare(task):
    """A Job for its kmeans or gmm_train."""
    if task.case.estimator == "KMeans":
        return _kmeans(task)
    return _mixture(task)


def _kmeans(task):
    import mlpack

    case = task.case
    if case.method != "fit":
        raise CannotRun(f"has no {case.method}")
    if case.options.get("n_init", 1) != 1:
        raise CannotRun("has no n_init")
    X = task.X.astype(float)
    asked = {
        "input_": X,
        "clusters": case.k,
        "algorithm": "hamerly",
        "labels_only": True,
        "seed": 1,
    }
    asked |= {"max_iterations": case.iterations} if case.iterations else {}
    note = "Hamerly's algorithm"
    if task.start:
        asked |= {"initial_centroids": task.start["init"].astype(float)}
    else:
        asked |= {"kmeans_plus_plus": True}
        note += ", until nothing moves"
    return Job(
        lambda: mlpack.kmeans(**asked), lambda found: Answer(centers=found["centroid"]), note
    )


def _mixture(task):
    import mlpack

    case = task.case
    kind = case.options.get("covariance_type", "full")
    if kind not in ("full", "diag"):
        raise CannotRun(f"has no {kind} covariances")
    if case.start == "means" or case.method != "fit":
        raise CannotRun("has no start from means alone, no such predictions")
    X = task.X.astype(float)
    asked = {"input_": X, "gaussians": case.k, "diagonal_covariance": kind == "diag", "seed": 1}
    if case.iterations is not None:
        asked |= {"max_iterations": case.iterations, "tolerance": 0.0}

    def read(found):
        density = mlpack.gmm_probability(input_=X, input_model=found["output_model"])["output"]
        return Answer(reported=float(np.log(np.ravel(density)).mean()))

    return Job(lambda: mlpack.gmm_train(**asked), read, "its own start by k-means, no reg_covar")
