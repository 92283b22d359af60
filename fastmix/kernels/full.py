"""Full covariances: one lower triangular whitening W a component, W cov W' = 1."""

from fastmix._numba import kernel
from fastmix.kernels.expectation import passes
from fastmix.kernels.responsibilities import log_joint


@kernel
def subtract(
    tile,  # in   (d, R)
    mean,  # in   (d,)
    diff,  # out  (d, R)
):
    """Rows minus a mean."""
    for j in range(mean.size):
        x, m, out = tile[j], mean[j], diff[j]
        for r in range(out.size):
            out[r] = x[r] - m


@kernel
def mahalanobis(
    tile,  # in   (d, R)
    mean,  # in   (d,)
    W,  # in   (d, d) lower triangular
    work,  # out  (d + 2, R) scratch
    sq_norm,  # out  (R,)
):
    """Squared length of W (x - mean) for every row x of a tile."""
    d = tile.shape[0]
    diff, y = work[:d], work[d]
    subtract(tile, mean, diff)
    for r in range(y.size):
        sq_norm[r] = 0
    for j in range(d):
        for r in range(y.size):
            y[r] = 0
        for i in range(j + 1):
            x, w = diff[i], W[j, i]
            for r in range(y.size):
                y[r] += w * x[r]
        for r in range(y.size):
            sq_norm[r] += y[r] * y[r]


@kernel
def log_prob(
    tile,  # in   (d, R)
    means,  # in   (k, d)
    factor,  # in   (k, d, d) lower triangular
    log_const,  # in   (k,) float64
    work,  # out  (d + 2, R) scratch
    out,  # out  (k, R) float64
):
    """Log of weight times density of every component at every row of a tile."""
    sq_norm = work[tile.shape[0] + 1]
    for c in range(means.shape[0]):
        mahalanobis(tile, means[c], factor[c], work, sq_norm)
        log_joint(log_const[c], sq_norm, out[c])


@kernel(sums=True)
def dot(x, y):
    """Inner product of two runs of lanes."""
    total = x[0] * y[0]
    for r in range(1, x.size):
        total += x[r] * y[r]
    return total


@kernel(sums=True)
def total(x):
    """Sum over lanes."""
    s = x[0]
    for r in range(1, x.size):
        s += x[r]
    return s


@kernel
def add_component(
    tile,  # in      (d, R)
    resp,  # in      (R,) float64, zero where padded
    mean,  # in      (d,)
    work,  # out     (d + 2, R) scratch
    sums,  # in/out  (d,) float64
    scatter,  # in/out  (d, d) float64, lower triangle
):
    """Add one component's first and second moments about its mean."""
    d = tile.shape[0]
    diff, weighted = work[:d], work[d]
    subtract(tile, mean, diff)
    for j in range(d):
        x = diff[j]
        for r in range(x.size):
            weighted[r] = resp[r] * x[r]
        sums[j] += total(weighted)
        for i in range(j + 1):
            scatter[j, i] += dot(weighted, diff[i])


@kernel
def add_tile(
    tile,  # in      (d, R)
    resp,  # in      (k, R) float64, zero where padded
    means,  # in      (k, d) the origin of the moments
    work,  # out     (d + 2, R) scratch
    counts,  # in/out  (k,) float64
    sums,  # in/out  (k, d) float64
    scatter,  # in/out  (k, d, d) float64, lower triangles
):
    """Add one tile's moments about the means."""
    for c in range(means.shape[0]):
        counts[c] += total(resp[c])
        add_component(tile, resp[c], means[c], work, sums[c], scatter[c])


expect, infer, accumulate = passes(log_prob, add_tile)
