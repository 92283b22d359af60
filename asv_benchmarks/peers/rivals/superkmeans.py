"""superkmeans: k-means in float32 that prunes by the first dimensions after a rotation."""

import numpy as np

from ..task import Answer, CannotRun, Job

PACKAGE = "superkmeans"
ESTIMATORS = ("KMeans",)


def prepare(task):
    """A Job on all rows without early stops; it takes no start, so it draws its own rows."""
    from superkmeans import SuperKMeans

    case = task.case
    X = np.ascontiguousarray(task.X, dtype=np.float32)
    if case.method == "predict":
        centers = np.ascontiguousarray(task.start["init"], dtype=np.float32)
        model = SuperKMeans(case.k, X.shape[1], n_threads=task.threads)
        return Job(
            lambda: model.assign(X, centers),
            lambda labels: Answer(centers=centers, output=labels),
            "float32",
        )
    if case.method != "fit":
        raise CannotRun(f"has no {case.method}")
    if case.options.get("n_init", 1) != 1:
        raise CannotRun("has no n_init")
    settings = {"iters": case.iterations or 25, "hierarchical": False, "sampling_fraction": 1.0}
    settings |= {"max_points_per_cluster": len(X), "n_threads": task.threads}
    settings |= {"early_termination": case.iterations is None}
    note = "its own start" if task.X.dtype == np.float32 else "float32, its own start"
    if case.iterations is None:
        note += ", at most 25 iterations"

    def run():
        model = SuperKMeans(case.k, X.shape[1], **settings)
        return model.train(X)

    return Job(run, lambda centers: Answer(centers=centers), note)
