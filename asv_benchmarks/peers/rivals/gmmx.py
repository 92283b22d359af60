"""gmmx: Gaussian mixtures in float32 on JAX."""

import numpy as np

from ..task import Answer, CannotRun, Job

PACKAGE = "gmmx"
ESTIMATORS = ("GaussianMixture",)


def prepare(task):
    """A Job for its EMFitter, whose first call compiles."""
    import jax
    from gmmx import EMFitter, GaussianMixtureModelJax

    case = task.case
    kind = case.options.get("covariance_type", "full")
    if kind not in ("full", "diag"):
        raise CannotRun(f"has no {kind} covariances")
    if case.start == "means":
        raise CannotRun("has no start from means alone")
    if case.start == "own":
        raise CannotRun("has no start of its own but scikit-learn's k-means")
    X = jax.numpy.asarray(task.X, dtype=np.float32)
    precisions = task.start["precisions_init"]
    covariances = np.linalg.inv(precisions) if kind == "full" else 1 / precisions
    start = GaussianMixtureModelJax.from_squeezed(
        means=task.start["means_init"].astype(np.float32),
        covariances=covariances.astype(np.float32),
        weights=task.start["weights_init"].astype(np.float32),
        covariance_type=kind,
    )
    reg = case.options.get("reg_covar", 1e-6)
    fitter = EMFitter(max_iter=case.iterations, tol=-1.0, reg_covar=reg)
    run = lambda: jax.block_until_ready(fitter.fit(x=X, gmm=start))  # noqa: E731
    read = lambda found: _read(found.gmm)._replace(n_iter=int(found.n_iter))  # noqa: E731
    if case.method == "fit":
        return Job(run, read, "float32")
    fitted = run().gmm
    method = getattr(fitted, case.method)
    return Job(
        lambda: jax.block_until_ready(method(X)),
        lambda out: _read(fitted)._replace(output=np.asarray(out).squeeze()),
        "float32",
    )


def _read(gmm):
    return Answer(mixture=(gmm.weights_numpy, gmm.means_numpy, gmm.covariances.values_numpy))
