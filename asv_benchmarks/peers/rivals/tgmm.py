"""tgmm: Gaussian mixtures on PyTorch, with a great many options."""

import numpy as np

from ..task import Answer, CannotRun, Job

PACKAGE = "tgmm"
ESTIMATORS = ("GaussianMixture",)


def prepare(task):
    """A Job for its GaussianMixture, on tensors of the data's own dtype."""
    import torch
    from tgmm import GaussianMixture

    torch.set_num_threads(task.threads)
    case = task.case
    kind = case.options.get("covariance_type", "full")
    if case.start == "means":
        raise CannotRun("has no start from means alone as scikit-learn's")
    X = torch.tensor(task.X)
    settings = {"n_components": case.k, "n_features": X.shape[1], "covariance_type": kind}
    settings |= {"random_state": 0, "reg_covar": case.options.get("reg_covar", 1e-6)}
    settings |= {"device": "cpu"}
    if case.iterations is not None:
        settings |= {"max_iter": case.iterations, "tol": 1e-300}  # it refuses 0
    if task.start:
        precisions = task.start["precisions_init"]
        covariances = np.linalg.inv(precisions) if kind in ("full", "tied") else 1 / precisions
        settings |= {
            "init_weights": torch.tensor(task.start["weights_init"]),
            "init_means": torch.tensor(task.start["means_init"]),
            "init_covariances": torch.tensor(covariances.astype(task.X.dtype)),
        }
    note = "" if task.start else "its own start and tolerance"
    if case.method == "fit":
        return Job(lambda: GaussianMixture(**settings).fit(X), _read, note)
    fitted = GaussianMixture(**settings).fit(X)
    method = getattr(fitted, case.method)
    return Job(lambda: method(X), lambda out: _read(fitted)._replace(output=np.asarray(out)), note)


def _read(model):
    mixture = tuple(np.asarray(a) for a in (model.weights_, model.means_, model.covariances_))
    return Answer(mixture=mixture, n_iter=model.n_iter_)
