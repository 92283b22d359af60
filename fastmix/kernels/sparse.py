"""CSR rows to nearest center, and totals of their clusters.

The squared distance of a row x to a center c is the sum of (x - c)**2 over the features that x holds,
plus that of c**2 over all others. The latter is the squared norm of c less its part at x's features:
all that can cancel, so everything is float64, and a row that is a center itself is at distance 0.
Centers lie feature after feature (d, k): the lanes of the innermost loops are centers.
"""

import numpy as np

from fastmix._numba import kernel, parallel_kernel


@kernel
def add_squares(
    center,  # in      (k,) one feature of all centers
    squares,  # in/out  (k,)
):
    """Add the square of one feature: the one place that does, so that equal sums cancel exactly."""
    for c in range(center.size):
        squares[c] += center[c] * center[c]


@kernel
def sq_norms(
    centers,  # in   (d, k) float64
    norms,  # out  (k,) float64
):
    """Squared norm of every center, feature by feature in ascending order."""
    norms[:] = 0.0
    for j in range(centers.shape[0]):
        add_squares(centers[j], norms)


@kernel
def measure_row(
    data,  # in   (nnz,)
    indices,  # in   (nnz,)
    start,
    stop,  # in   values of this row
    centers,  # in   (d, k) float64
    norms,  # in   (k,) float64
    seen,  # out  (k,) float64, scratch
    sq_dist,  # out  (k,) float64
):
    """Squared distance of one row to every center."""
    for c in range(norms.size):
        sq_dist[c], seen[c] = 0.0, 0.0
    for p in range(start, stop):
        x, center = np.float64(data[p]), centers[indices[p]]
        for c in range(center.size):
            gap = x - center[c]
            sq_dist[c] += gap * gap
        add_squares(center, seen)
    for c in range(norms.size):
        rest = norms[c] - seen[c]
        sq_dist[c] += rest if rest > 0.0 else 0.0


@parallel_kernel
def label(
    shard,
    start,
    stop,  # in      rows of this shard
    data,  # in      (nnz,)
    indices,  # in      (nnz,)
    indptr,  # in      (n + 1,)
    weight,  # in      (n,) float64
    centers,  # in      (d, k) float64
    norms,  # in      (k,) float64
    labels,  # out     (n,) int32
    sq_dist,  # out     (n,) float64, to the nearest center
    objective,  # in/out  (n_shards,) float64
):
    """Nearest center of every row, the lowest among equals."""
    k = norms.size
    seen, to_all = np.empty(k), np.empty(k)
    for i in range(start, stop):
        measure_row(data, indices, indptr[i], indptr[i + 1], centers, norms, seen, to_all)
        best, least = 0, to_all[0]
        for c in range(1, k):
            if to_all[c] < least:
                best, least = c, to_all[c]
        labels[i], sq_dist[i] = best, least
        objective[shard] += weight[i] * least


@parallel_kernel
def add(
    shard,
    start,
    stop,  # in      rows of this shard
    data,  # in      (nnz,)
    indices,  # in      (nnz,)
    indptr,  # in      (n + 1,)
    weight,  # in      (n,) float64
    labels,  # in      (n,) int32
    counts,  # in/out  (n_shards, k) float64
    sums,  # in/out  (n_shards, k, d) float64
):
    """Add every row to the totals of its cluster."""
    for i in range(start, stop):
        c, w = labels[i], weight[i]
        counts[shard, c] += w
        for p in range(indptr[i], indptr[i + 1]):
            sums[shard, c, indices[p]] += w * data[p]


@parallel_kernel
def sq_distances(
    shard,
    start,
    stop,  # in   rows of this shard
    data,  # in   (nnz,)
    indices,  # in   (nnz,)
    indptr,  # in   (n + 1,)
    centers,  # in   (d, k) float64
    norms,  # in   (k,) float64
    sq_dist,  # out  (n, k) float64
):
    """Squared distance of every row to every center."""
    seen = np.empty(norms.size)
    for i in range(start, stop):
        measure_row(data, indices, indptr[i], indptr[i + 1], centers, norms, seen, sq_dist[i])
