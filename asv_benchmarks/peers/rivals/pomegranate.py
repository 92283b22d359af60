"""pomegranate: mixtures of any distributions, on PyTorch."""

import numpy as np

from ..task import Answer, CannotRun, Job

PACKAGE = "pomegranate"
ESTIMATORS = ("GaussianMixture",)
TYPES = {"full": "full", "diag": "diag", "spherical": "sphere"}


def prepare(task):
    """A Job for a GeneralMixtureModel of normal distributions, in float32 tensors."""
    import torch
    from pomegranate.distributions import Normal
    from pomegranate.gmm import GeneralMixtureModel

    torch.set_num_threads(task.threads)
    case = task.case
    kind = TYPES.get(case.options.get("covariance_type", "full"))
    if kind is None:
        raise CannotRun("has no tied covariances")
    if case.start == "means":
        raise CannotRun("has no start from means alone")
    X = torch.tensor(task.X, dtype=torch.float32)

    def model(iterations):
        limits = {} if iterations is None else {"max_iter": iterations, "tol": -np.inf}
        if not task.start:
            parts = [Normal(covariance_type=kind) for _ in range(case.k)]
            return GeneralMixtureModel(parts, random_state=0, **limits)
        means = task.start["means_init"].astype(np.float32)
        precisions = task.start["precisions_init"]
        covs = np.linalg.inv(precisions) if kind == "full" else 1 / precisions
        parts = [Normal(m, c, kind) for m, c in zip(means, covs.astype(np.float32), strict=True)]
        weights = torch.tensor(task.start["weights_init"], dtype=torch.float32)
        return GeneralMixtureModel(parts, priors=weights / weights.sum(), **limits)

    note = "float32, no reg_covar" if task.start else "float32, its own start and tolerance"
    if case.method == "fit":
        return Job(lambda: model(case.iterations).fit(X), _read, note)
    fitted = model(case.iterations).fit(X)
    names = {"score_samples": "log_probability"}
    method = getattr(fitted, names.get(case.method, case.method))
    return Job(
        lambda: method(X), lambda out: _read(fitted)._replace(output=out.numpy().squeeze()), note
    )


def _read(model):
    parts = [(d.means.numpy(), d.covs.numpy()) for d in model.distributions]
    means, covs = map(np.stack, zip(*parts, strict=True))
    return Answer(mixture=(model.priors.numpy(), means, covs))
