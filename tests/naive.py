"""Slow and obvious: the oracle of every kernel and of both estimators.

Written from the definitions, with numpy only. Sums and distances are taken in long double, so an oracle is at least as
exact as what it judges. n rows, d features, k clusters or components; i row, c cluster.
"""

import math
from typing import NamedTuple

import numpy as np

WIDE = np.longdouble
TEN_EPS = 10 * np.finfo(np.float64).eps
LOG_2PI = math.log(2 * math.pi)


def column_statistics(X):
    """Mean, least and greatest value of every column of X (n, d): three arrays (d,)."""
    mean = np.asarray(X, WIDE).mean(axis=0).astype(np.float64)
    return mean, X.min(axis=0), X.max(axis=0)


# --- silhouettes -------------------------------------------------------------------------------


def silhouettes(X, labels):
    """Silhouette (n,) of every row of X (n, d) among labels (n,): 0 for one alone."""
    dist = np.sqrt(sq_distances(X, X))
    found = np.zeros(len(X), WIDE)
    for i, c in enumerate(labels):
        own = np.flatnonzero(labels == c)
        if len(own) > 1:
            a = dist[i, own].sum() / (len(own) - 1)
            b = min(dist[i, labels == other].mean() for other in set(labels) - {c})
            found[i] = (b - a) / max(a, b) if max(a, b) > 0 else 0
    return found


def simplified_silhouettes(X, labels):
    """The same with the distance to a cluster's mean in place of the mean distance."""
    centers = {c: np.asarray(X, WIDE)[labels == c].mean(axis=0) for c in set(labels)}
    found = np.zeros(len(X), WIDE)
    for i, c in enumerate(labels):
        if (labels == c).sum() > 1:
            dist = {o: np.sqrt(((X[i] - center) ** 2).sum()) for o, center in centers.items()}
            a = dist.pop(c)
            b = min(dist.values())
            found[i] = (b - a) / max(a, b) if max(a, b) > 0 else 0
    return found


# --- k-means -----------------------------------------------------------------------------------


class KMeansRun(NamedTuple):
    """One run of Lloyd's algorithm from one start."""

    labels: np.ndarray  # (n,)
    centers: np.ndarray  # (k, d)
    inertia: float  # weighted, of labels and centers
    n_iter: int
    converged: bool  # False when max_iter ended the run
    strict: bool  # True when the labels stopped changing
    history: np.ndarray  # (n_iter,) objective of every E-step


def sq_distances(X, centers):
    """Squared distance (n, k) of every row of X (n, d) to every center (k, d), in long double."""
    difference = np.asarray(X, WIDE)[:, None, :] - np.asarray(centers, WIDE)[None, :, :]
    return (difference**2).sum(axis=2)


def nearest(X, centers):
    """Label (n,), least sq_dist (n,) and second least sq_dist (n,); the lowest index wins ties."""
    sq_dist = sq_distances(X, centers)
    labels = sq_dist.argmin(axis=1)
    best = sq_dist[np.arange(len(X)), labels].copy()
    sq_dist[np.arange(len(X)), labels] = np.inf
    return labels, best, sq_dist.min(axis=1)


def cluster_totals(X, weight, labels, k):
    """Weight (k,) and weighted sum (k, d) of the rows of X (n, d) in each of k clusters."""
    counts, sums = np.zeros(k, WIDE), np.zeros((k, X.shape[1]), WIDE)
    for x, w, c in zip(np.asarray(X, WIDE), np.asarray(weight, WIDE), labels, strict=True):
        counts[c] += w
        sums[c] += w * x
    return counts, sums


def inertia(X, weight, labels, centers):
    """Weighted sum of squared distances of X (n, d) to the center (k, d) each label (n,) names."""
    difference = np.asarray(X, WIDE) - np.asarray(centers, WIDE)[labels]
    return (np.asarray(weight, WIDE) * (difference**2).sum(axis=1)).sum()


def refill_empty(X, weight, labels, centers, counts, sums):
    """New counts (k,) and sums (k, d): the q-th empty cluster takes the q-th farthest row of weight.

    Distances are to the old centers (k, d), unweighted; the lowest row wins ties; at distance 0 nothing moves.
    """
    counts, sums = counts.copy(), sums.copy()
    empty = np.flatnonzero(counts == 0)
    wide = np.asarray(X, WIDE)
    sq_dist = ((wide - np.asarray(centers, WIDE)[labels]) ** 2).sum(axis=1)
    sq_dist[np.asarray(weight) == 0] = -1
    farthest = np.argsort(-sq_dist, kind="stable")[: len(empty)]
    if len(empty) == 0 or sq_dist[farthest[0]] <= 0:
        return counts, sums
    for c, i in zip(empty, farthest, strict=True):
        if sq_dist[i] < 0:
            break
        sums[labels[i]] -= weight[i] * wide[i]
        counts[labels[i]] -= weight[i]
        sums[c] = weight[i] * wide[i]
        counts[c] = weight[i]
    return counts, sums


def average(counts, sums):
    """Centers (k, d) from counts (k,) and sums (k, d); an empty cluster sits on the heaviest's mean."""
    heaviest = counts.argmax()
    filled = np.where(counts > 0, np.arange(len(counts)), heaviest)
    return sums[filled] / counts[filled, None]


def tolerance(X, tol):
    """Bound on the sum of squared shifts: tol times the mean variance of the columns of X (n, d)."""
    return float(tol * np.asarray(X, WIDE).var(axis=0).mean()) if tol else 0.0


def kmeans(X, centers, weight=None, max_iter=300, tol=1e-4):
    """Lloyd's algorithm on X (n, d) from centers (k, d), weight (n,) or ones: a KMeansRun."""
    weight = np.ones(len(X)) if weight is None else np.asarray(weight, np.float64)
    centers, bound = np.asarray(centers, WIDE), tolerance(X, tol)
    last, strict, within, history = None, False, False, []
    for _ in range(max_iter):
        labels = nearest(X, centers)[0]
        history.append(float(inertia(X, weight, labels, centers)))
        totals = cluster_totals(X, weight, labels, len(centers))
        new_centers = average(*refill_empty(X, weight, labels, centers, *totals))
        shift = float(((new_centers - centers) ** 2).sum())
        centers = new_centers
        strict = last is not None and np.array_equal(labels, last)
        within = shift <= bound
        if strict or within:
            break
        last = labels
    if not strict:
        labels = nearest(X, centers)[0]
    final = float(inertia(X, weight, labels, centers))
    centers = centers.astype(np.float64)
    done = strict or within
    return KMeansRun(labels, centers, final, len(history), done, strict, np.array(history))


def kmeans_plusplus(X, k, weight, random_state, n_local_trials=None):
    """Seeds (k, d) and their rows (k,) in X (n, d), drawing from the RandomState in the public order."""
    weight = np.ones(len(X)) if weight is None else np.asarray(weight, np.float64)
    trials = 2 + int(math.log(k)) if n_local_trials is None else n_local_trials
    rows = [random_state.choice(len(X), p=weight / weight.sum())]
    closest = sq_distances(X, X[rows])[:, 0].astype(np.float64)
    for _ in range(1, k):
        running = np.cumsum(weight * closest)
        drawn = np.searchsorted(running, random_state.uniform(size=trials) * (weight @ closest))
        drawn = np.minimum(drawn, len(X) - 1)
        after = np.minimum(closest, sq_distances(X, X[drawn]).T.astype(np.float64))
        best = (after @ weight).argmin()
        closest = after[best]
        rows.append(drawn[best])
    return X[rows], np.array(rows)


# --- Gaussian mixtures -------------------------------------------------------------------------


class EMRun(NamedTuple):
    """One run of EM from one start."""

    weights: np.ndarray  # (k,)
    means: np.ndarray  # (k, d)
    covariances: np.ndarray  # shape of the covariance type
    lower_bounds: list  # n_iter floats, the mean log-likelihood before each M-step
    n_iter: int
    converged: bool
    resp: np.ndarray  # (n, k) of the final parameters


def cholesky(matrix):
    """Lower triangular L (d, d) with L L' = matrix (d, d), in long double."""
    d = len(matrix)
    L = np.zeros((d, d), WIDE)
    for i in range(d):
        for j in range(i + 1):
            rest = WIDE(matrix[i, j]) - (L[i, :j] * L[j, :j]).sum()
            L[i, j] = np.sqrt(rest) if i == j else rest / L[j, j]
    return L


def forward_substitution(L, B):
    """Solution Y (d, n) of L Y = B for lower triangular L (d, d) and B (d, n), in long double."""
    Y = np.zeros(B.shape, WIDE)
    for i in range(len(L)):
        Y[i] = (B[i] - (L[i, :i, None] * Y[:i]).sum(axis=0)) / L[i, i]
    return Y


def to_full(covariances, covariance_type, k, d):
    """Covariances of any type as matrices (k, d, d)."""
    covariances = np.asarray(covariances)
    if covariance_type == "full":
        return covariances.copy()
    if covariance_type == "tied":
        return np.array([covariances] * k)
    if covariance_type == "diag":
        return np.array([np.diag(variance) for variance in covariances])
    if covariance_type == "tied_diag":
        return np.array([np.diag(covariances)] * k)
    if covariance_type == "tied_spherical":
        return np.array([covariances * np.eye(d)] * k)
    return np.array([variance * np.eye(d) for variance in covariances])


def from_full(scatters, counts, covariance_type):
    """Covariances of a type, before regularisation, from scatters (k, d, d) and counts (k,)."""
    shared = scatters.sum(axis=0) / counts.sum()
    if covariance_type == "tied":
        return shared
    if covariance_type == "tied_diag":
        return np.diag(shared).copy()
    if covariance_type == "tied_spherical":
        return np.diag(shared).mean()
    full = scatters / counts[:, None, None]
    if covariance_type == "full":
        return full
    diagonal = np.array([np.diag(matrix) for matrix in full])
    return diagonal if covariance_type == "diag" else diagonal.mean(axis=1)


def regularised(covariances, covariance_type, reg_covar):
    """Covariances with reg_covar added once to every variance."""
    if covariance_type in ("full", "tied"):
        return covariances + reg_covar * np.eye(covariances.shape[-1])
    return covariances + reg_covar


def precisions(covariances, covariance_type):
    """Inverse of the covariances, of the same shape."""
    if covariance_type in ("full", "tied"):
        return np.linalg.inv(covariances)
    return 1 / covariances


def log_gaussian(X, means, covariances, covariance_type):
    """Log-density (n, k) of every row of X (n, d) under every component, in long double."""
    k, d = np.shape(means)
    log_prob = np.zeros((len(X), k), WIDE)
    for c, matrix in enumerate(to_full(covariances, covariance_type, k, d)):
        L = cholesky(matrix)
        z = forward_substitution(L, (np.asarray(X, WIDE) - np.asarray(means[c], WIDE)).T)
        log_prob[:, c] = -(d * LOG_2PI + (z**2).sum(axis=0)) / 2 - np.log(np.diag(L)).sum()
    return log_prob


def responsibilities(log_prob):
    """Log of the summed exponentials (n,) and each share of it (n, k), from log_prob (n, k)."""
    top = log_prob.max(axis=1, keepdims=True)
    log_norm = top + np.log(np.exp(log_prob - top).sum(axis=1, keepdims=True))
    return log_norm[:, 0], np.exp(log_prob - log_norm)


def moments(X, resp, origin):
    """Counts (k,), raw sums (k, d) and scatter (k, d, d) about origin (k, d), from resp (n, k)."""
    X, resp, origin = (np.asarray(array, WIDE) for array in (X, resp, origin))
    scatter = []
    for c in range(resp.shape[1]):
        z = X - origin[c]
        scatter.append((resp[:, c, None, None] * z[:, :, None] * z[:, None, :]).sum(axis=0))
    return resp.sum(axis=0), (resp[:, :, None] * X[:, None, :]).sum(axis=0), np.array(scatter)


def m_step(X, resp, covariance_type, reg_covar=1e-6):
    """Weights (k,), means (k, d) and covariances of the type, from X (n, d) and resp (n, k)."""
    zero = np.zeros((resp.shape[1], X.shape[1]))
    counts, sums, _ = moments(X, resp, zero)
    counts = counts + TEN_EPS
    means = sums / counts[:, None]
    covariances = from_full(moments(X, resp, means)[2], counts, covariance_type)
    covariances = regularised(covariances, covariance_type, reg_covar)
    parameters = counts / counts.sum(), means, covariances
    return tuple(part.astype(np.float64) for part in parameters)


def e_step(X, weights, means, covariances, covariance_type):
    """Log-likelihood (n,) and responsibilities (n, k) of X (n, d) under a mixture."""
    log_prob = log_gaussian(X, means, covariances, covariance_type)
    with np.errstate(divide="ignore"):
        return responsibilities(log_prob + np.log(np.asarray(weights, WIDE)))


def em(X, covariance_type, resp=None, start=None, tol=1e-3, reg_covar=1e-6, max_iter=100):
    """EM on X (n, d) from resp (n, k), or from start = (weights, means, covariances): an EMRun."""
    parameters = m_step(X, resp, covariance_type, reg_covar) if start is None else start
    bounds, converged = [], False
    for _ in range(max_iter):
        log_norm, resp = e_step(X, *parameters, covariance_type)
        parameters = m_step(X, resp, covariance_type, reg_covar)
        bounds.append(float(log_norm.mean()))
        if len(bounds) > 1 and abs(bounds[-1] - bounds[-2]) < tol:
            converged = True
            break
    resp = e_step(X, *parameters, covariance_type)[1].astype(np.float64)
    return EMRun(*parameters, bounds, len(bounds), converged, resp)


def stepwise(batches, steps, start, covariance_type, reg_covar=1e-6):
    """Mixture after a stepwise EM step with every batch (X, weight): its own share of the totals is the step.

    Totals are those of a unit of weight, with raw moments; those of start = (weights, means, covariances)
    are what it says of rows.
    """
    weights, means, covariances = (np.asarray(part, WIDE) for part in start)
    k, d = means.shape
    outer = means[:, :, None] * means[:, None, :] + to_full(covariances, covariance_type, k, d)
    totals = [weights, weights[:, None] * means, weights[:, None, None] * outer]
    for (X, weight), step in zip(batches, steps, strict=True):
        _, resp = e_step(X, *start, covariance_type)
        new = moments(X, resp * (weight / weight.sum())[:, None], np.zeros((k, d)))
        totals = [(1 - step) * old + step * part for old, part in zip(totals, new, strict=True)]
        counts, sums, squares = totals
        means = sums / counts[:, None]
        scatter = squares - counts[:, None, None] * means[:, :, None] * means[:, None, :]
        covariances = from_full(scatter, counts, covariance_type)
        covariances = regularised(covariances, covariance_type, reg_covar)
        parts = counts / counts.sum(), means, covariances
        start = tuple(np.asarray(part, np.float64) for part in parts)
    return start


def n_parameters(covariance_type, k, d):
    """Number of free parameters of a mixture of k components in d features."""
    matrix = d * (d + 1) // 2
    free = {"full": k * matrix, "tied": matrix, "diag": k * d, "spherical": k}
    free |= {"tied_diag": d, "tied_spherical": 1}
    return k * d + (k - 1) + free[covariance_type]


def one_hot(labels, k):
    """Responsibilities (n, k) that give every row wholly to its label (n,)."""
    return np.eye(k)[labels]


# --- variational Bayes -------------------------------------------------------------------------


class Prior(NamedTuple):
    """What is believed before any row is seen."""

    process: bool  # a Dirichlet process rather than a distribution
    concentration: float
    mean_precision: float
    mean: np.ndarray  # (d,)
    degrees_of_freedom: float
    covariance: np.ndarray  # (d, d), (d,) or (): by the covariance type


class Belief(NamedTuple):
    """What is believed once rows are shared out."""

    concentration: tuple  # one or two lists of k numbers
    mean_precision: list  # k numbers
    means: np.ndarray  # (k, d)
    degrees_of_freedom: list  # k numbers, all the same where the covariance is tied
    covariances: np.ndarray  # shape of the covariance type


def digamma(x):
    """Derivative of the log-gamma function at x > 0: its recurrence up to 20, its series from there."""
    x, before = WIDE(x), WIDE(0)
    while x < 20:
        before, x = before - 1 / x, x + 1
    series = [WIDE(1) / 12, -WIDE(1) / 120, WIDE(1) / 252, -WIDE(1) / 240, WIDE(1) / 132]
    terms = [c / x ** (2 * i + 2) for i, c in enumerate(series)]
    return before + np.log(x) - 1 / (2 * x) - sum(terms)


def log_beta(a, b):
    """Logarithm of the Beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def default_prior(X, k, covariance_type, process, weight=None):
    """The prior of k components that scikit-learn takes from X (n, d) with weight (n,) or ones."""
    X, d = np.asarray(X, WIDE), X.shape[1]
    weight = np.ones(len(X), WIDE) if weight is None else np.asarray(weight, WIDE)
    mean = weight @ X / weight.sum()
    matrix = ((X - mean).T * weight) @ (X - mean) / (weight.sum() - 1)
    variances = np.diag(matrix)
    covariance = {
        "full": matrix,
        "tied": matrix,
        "diag": variances,
        "spherical": variances.mean(),
        "tied_diag": variances,
        "tied_spherical": variances.mean(),
    }[covariance_type]
    mean, covariance = mean.astype(np.float64), np.asarray(covariance, np.float64)
    return Prior(process, 1 / k, 1.0, mean, float(d), covariance)


def believe(X, resp, covariance_type, prior, reg_covar=1e-6):
    """The posterior under responsibilities resp (n, k) of the rows of X (n, d): a Belief."""
    k, d = resp.shape[1], X.shape[1]
    counts = np.asarray(resp, WIDE).sum(axis=0) + TEN_EPS
    _, averages, spread = m_step(X, resp, covariance_type, reg_covar)
    if prior.process:
        later = [prior.concentration + counts[c + 1 :].sum() for c in range(k)]
        concentration = (list(1 + counts), later)
    else:
        concentration = (list(prior.concentration + counts),)
    precision = prior.mean_precision + counts
    means, pulled = np.zeros((k, d), WIDE), []
    for c in range(k):
        means[c] = prior.mean_precision * prior.mean + counts[c] * averages[c]
        means[c] /= precision[c]
        gap = averages[c] - prior.mean
        pulled.append(prior.mean_precision * counts[c] / precision[c] * np.outer(gap, gap))
    if covariance_type.startswith("tied"):
        freedom = [prior.degrees_of_freedom + counts.sum() / k] * k
        extra = from_full(np.array(pulled), np.ones(k), covariance_type)
        covariances = prior.covariance + counts.sum() / k * spread + extra
        covariances = covariances / freedom[0]
    else:
        freedom = list(prior.degrees_of_freedom + counts)
        extra = from_full(np.array(pulled), np.ones(k), covariance_type)
        covariances = np.array(
            [(prior.covariance + counts[c] * spread[c] + extra[c]) / freedom[c] for c in range(k)]
        )
    means, covariances = means.astype(np.float64), covariances.astype(np.float64)
    return Belief(concentration, list(precision), means, freedom, covariances)


def expected_log_weights(concentration):
    """Expected log-weight of every component, k numbers."""
    if len(concentration) == 1:
        (alpha,) = concentration
        return [digamma(a) - digamma(sum(alpha)) for a in alpha]
    logs, left = [], WIDE(0)
    for a, b in zip(*concentration, strict=True):
        logs.append(left + digamma(a) - digamma(a + b))
        left += digamma(b) - digamma(a + b)
    return logs


def expected_weights(concentration):
    """Expected weight of every component (k,), made to sum to 1."""
    if len(concentration) == 1:
        pieces = concentration[0]
    else:
        pieces, left = [], 1.0
        for a, b in zip(*concentration, strict=True):
            pieces.append(left * a / (a + b))
            left *= b / (a + b)
    pieces = np.array(pieces, np.float64)
    return pieces / pieces.sum()


def log_rho(X, belief, covariance_type):
    """Log of the unnormalised responsibilities (n, k) of X (n, d), in long double."""
    d = X.shape[1]
    joint = log_gaussian(X, belief.means, belief.covariances, covariance_type)
    for c, (freedom, precision) in enumerate(
        zip(belief.degrees_of_freedom, belief.mean_precision, strict=True)
    ):
        halves = sum(digamma((freedom - j) / 2) for j in range(d))
        joint[:, c] += (d * math.log(2) + halves - d / precision - d * np.log(freedom)) / 2
    return joint + np.array(expected_log_weights(belief.concentration))


def evidence_bound(resp, weight, belief, covariance_type):
    """scikit-learn's lower bound, constants left out, for resp (n, k) and the belief they led to."""
    k, d = belief.means.shape
    resp = np.asarray(resp, WIDE)
    logs = np.log(np.where(resp > 0, resp, 1))
    bound = -(np.asarray(weight, WIDE) @ (resp * logs)).sum()
    matrices = to_full(belief.covariances, covariance_type, k, d)
    for freedom, precision, matrix in zip(
        belief.degrees_of_freedom, belief.mean_precision, matrices, strict=True
    ):
        log_det = -np.log(np.diag(cholesky(matrix))).sum() - d * np.log(freedom) / 2
        bound += freedom * (log_det + d * math.log(2) / 2) - d * np.log(precision) / 2
        bound += sum(math.lgamma((freedom - j) / 2) for j in range(d))
    if len(belief.concentration) == 2:
        return float(
            bound + sum(log_beta(a, b) for a, b in zip(*belief.concentration, strict=True))
        )
    (alpha,) = belief.concentration
    return float(bound - math.lgamma(sum(alpha)) + sum(math.lgamma(a) for a in alpha))
