"""faiss: k-means in float32 by blocks of matrix products."""

import numpy as np

from ..task import Answer, CannotRun, Job

PACKAGE = "faiss-cpu"
ESTIMATORS = ("KMeans",)


def prepare(task):
    """A Job for Kmeans on all rows; by default faiss would take 256 rows a cluster."""
    import faiss

    faiss.omp_set_num_threads(task.threads)
    case = task.case
    X = np.ascontiguousarray(task.X, dtype=np.float32)
    n, d = X.shape
    note = "" if task.X.dtype == np.float32 else "float32"
    if case.method == "predict":
        centers = np.ascontiguousarray(task.start["init"], dtype=np.float32)
        index = faiss.IndexFlatL2(d)
        index.add(centers)
        run = lambda: index.search(X, 1)[1][:, 0]  # noqa: E731
        return Job(run, lambda labels: Answer(centers=centers, output=labels), note)
    if case.method != "fit":
        raise CannotRun(f"has no {case.method}")
    settings = {"niter": case.iterations or 25, "nredo": case.options.get("n_init", 1)}
    settings |= {"max_points_per_centroid": n, "min_points_per_centroid": 1, "seed": 1}
    start = None
    if task.start:
        start = np.ascontiguousarray(task.start["init"], dtype=np.float32)
    else:
        note = f"{note}, random rows as start, 25 iterations".removeprefix(", ")

    def run():
        model = faiss.Kmeans(d, case.k, **settings)
        model.train(X, init_centroids=start)
        return model

    return Job(run, _read, note)


def _read(model):
    return Answer(centers=model.centroids, reported=float(model.obj[-1]), n_iter=len(model.obj))
