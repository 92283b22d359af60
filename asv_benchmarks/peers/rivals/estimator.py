"""Rivals with scikit-learn's estimators: they differ in where those come from."""

from ..task import Answer, CannotRun, Job

ESTIMATORS = (
    "KMeans",
    "MiniBatchKMeans",
    "BisectingKMeans",
    "GaussianMixture",
    "BayesianGaussianMixture",
)


def prepare(task, module, **options):
    """A Job for the estimator of that name in `module`."""
    case = task.case
    make = getattr(module, case.estimator, None)
    if make is None:
        raise CannotRun(f"has no {case.estimator}")
    size = "n_components" if "Mixture" in case.estimator else "n_clusters"
    asked = {size: case.k} | task.start | case.options | options
    if case.iterations is not None:
        asked |= {"max_iter": case.iterations, "tol": 0}
    if "init" in task.start:
        asked |= {"n_init": 1}
    if task.start and size == "n_components":
        asked |= {"random_state": 0}
    model = make(**asked)
    if case.method == "fit":
        return Job(lambda: model.fit(task.X), _read)
    model.fit(task.X)
    method = getattr(model, case.method)
    return Job(lambda: method(task.X), lambda output: _read(model)._replace(output=output))


def _read(model):
    if hasattr(model, "cluster_centers_"):
        kept = [record for record in getattr(model, "init_results_", []) if record.best]
        ours = kept[0] if len(kept) == 1 else None  # who else has such records?
        return Answer(
            centers=model.cluster_centers_,
            reported=float(model.inertia_),
            n_iter=getattr(model, "n_iter_", None),
            algorithm=getattr(ours, "algorithm", None),
            skipped=getattr(ours, "skipped", None),
        )
    return Answer(
        mixture=(model.weights_, model.means_, model.covariances_),
        reported=float(model.lower_bound_),
        n_iter=model.n_iter_,
    )
