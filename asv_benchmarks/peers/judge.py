"""How good an answer is, computed in plain NumPy, so that no rival marks its own work."""

import numpy as np
from scipy.special import logsumexp

STEP = 20_000  # rows at once


def judge(task, answer):
    """(what is measured, its value): the objective of a fit, the error of a prediction."""
    score = SCORES.get(task.case.method)
    if score is not None:
        return score(task, answer)
    if answer.centers is not None:
        return "inertia", float(sum(s.min(1).sum() for s in _sq_dist(task.X, answer.centers)))
    if answer.mixture is not None:
        return "mean log-likelihood", float(np.concatenate(list(_density(task, answer))).mean())
    return "mean log-likelihood", answer.reported


def _predict(task, answer):
    """Share of rows whose label is not the plain one."""
    if answer.centers is not None:
        parts = [part.argmin(1) for part in _sq_dist(task.X, answer.centers)]
    else:
        parts = [part.argmax(1) for part in _log_prob(task, answer)]
    wrong = np.concatenate(parts) != np.asarray(answer.output).ravel()
    return "share of other labels", float(wrong.mean())


def _largest_error(compute):
    """A score: the largest difference from what `compute` yields, relative where values exceed 1."""

    def score(task, answer):
        largest, row = 0.0, 0
        for part in compute(task, answer):
            got = np.asarray(answer.output[row : row + len(part)], dtype=float)
            largest = max(largest, float((abs(got - part) / np.maximum(abs(part), 1)).max()))
            row += len(part)
        return "largest error", largest

    return score


def _proba(task, answer):
    for part in _log_prob(task, answer):
        yield np.exp(part - logsumexp(part, axis=1, keepdims=True))


def _density(task, answer):
    for part in _log_prob(task, answer):
        yield logsumexp(part, axis=1)


def _distances(task, answer):
    return map(np.sqrt, _sq_dist(task.X, answer.centers))


SCORES = {
    "predict": _predict,
    "transform": _largest_error(_distances),
    "predict_proba": _largest_error(_proba),
    "score_samples": _largest_error(_density),
}


def _sq_dist(X, centers):
    """Squared distances (rows, k), of a few rows at once; centred, so that little cancels."""
    middle = np.mean(centers, axis=0, dtype=float)
    C = np.asarray(centers, dtype=float) - middle
    for i in range(0, len(X), STEP):
        part = X[i : i + STEP].astype(float) - middle
        squares = (part**2).sum(1)[:, None] + (C**2).sum(1)
        yield np.maximum(squares - 2 * part @ C.T, 0)


def _log_prob(task, answer):
    """Log of weight times density (rows, k), of a few rows at once."""
    weights, means, covariances = (np.asarray(a, dtype=float) for a in answer.mixture)
    k, d = means.shape
    if covariances.shape == (k,):
        covariances = np.repeat(covariances[:, None], d, axis=1)
    dense = task.case.options.get("covariance_type", "full") in ("full", "tied")
    white, log_det = _dense(covariances) if dense else _diagonal(covariances)
    const = np.log(weights) + log_det - d / 2 * np.log(2 * np.pi)
    log_prob = np.empty((STEP, k))
    for i in range(0, len(task.X), STEP):
        part = task.X[i : i + STEP].astype(float)
        for c, mean in enumerate(means):
            w = white[c % len(white)]
            centred = part - mean
            scaled = centred @ w if w.ndim == 2 else centred * w
            log_prob[: len(part), c] = const[c] - (scaled**2).sum(1) / 2
        yield log_prob[: len(part)]


def _dense(covariances):
    """What makes centred rows of a component white, one for each or one for all; log of its volume."""
    white = np.linalg.inv(np.linalg.cholesky(np.atleast_3d(covariances.T).T)).transpose(0, 2, 1)
    return white, np.log(white.diagonal(axis1=1, axis2=2)).sum(1)


def _diagonal(variances):
    return variances**-0.5, -np.log(variances).sum(1) / 2
