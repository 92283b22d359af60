"""Which components may matter to a tile, told from how far they were when it was last looked at.

For a tile and a component let y be the least whitened distance of the tile's rows, and for the tile's
home, the component that is nearest to its farthest row, the greatest one. When a component moves from
(mean m, whitening V) to (m', W), every distance moves at most from y to

    s_min y - |W (m - m')|   and   s_max y + |W (m - m')|,   s the singular values of W inverse(V),

because W (x - m') = (W inverse(V)) V (x - m) + W (m - m'). So distances that were measured once stay
certificates, and what they exclude, no row of the tile would notice.
"""

import numpy as np

from fastmix._numba import kernel

SLACK = 1e-5  # relative, of distances: bounds are kept in float32, and float32 rows measured in it
FARTHEST = 3e38  # what float32 holds
NATS = (
    0.5  # absolute, of log-probabilities: covers the rounding of small distances and of constants
)


@kernel
def drift(
    first,
    last,  # in      tiles
    low,  # in      (k,) least factor of a distance since the last pass
    high,  # in      (k,) greatest factor
    shift,  # in      (k,) what a mean has moved, whitened
    near,  # in/out  (n_tiles, k) float32, at most the distance of any row
    far,  # in/out  (n_tiles,) float32, at least the distance of any row to the home
    home,  # in      (n_tiles,) int64
):
    """Bounds of the distances after components have moved."""
    for t in range(first, last):
        c = home[t]
        far[t] = (far[t] * high[c] + shift[c]) * (1.0 + SLACK)
        for c in range(near.shape[1]):
            bound = (near[t, c] * low[c] - shift[c]) * (1.0 - SLACK)
            near[t, c] = bound if bound > 0.0 else 0.0


@kernel
def admit(
    first,
    last,  # in   tiles
    near,  # in   (n_tiles, k) float32
    far,  # in   (n_tiles,) float32
    home,  # in   (n_tiles,) int64
    log_const,  # in   (k,)
    reach,  # in   (k,) below a row's best log-probability
    members,  # out  (>= last - first, k) int64
    sizes,  # out  (>= last - first,) int64
):
    """List the components that may matter to every tile."""
    for t in range(first, last):
        h = home[t]
        least = log_const[h] - 0.5 * np.float64(far[t]) * far[t] - NATS
        size = 0
        for c in range(len(log_const)):
            if (
                c == h
                or log_const[c] - 0.5 * np.float64(near[t, c]) * near[t, c] >= least + reach[c]
            ):
                members[t - first, size] = c
                size += 1
        sizes[t - first] = size


@kernel
def certify(
    first,
    last,  # in      tiles
    members,  # in      (>= last - first, k) int64
    sizes,  # in      (>= last - first,) int64
    log_const,  # in      (k,)
    extremes,  # in      (>= last - first, k, 2) largest and least log-probability of every member
    near,  # in/out  (n_tiles, k) float32
    far,  # in/out  (n_tiles,) float32
    home,  # in/out  (n_tiles,) int64
):
    """Take down the distances that have just been measured."""
    for t in range(first, last):
        best = -np.inf
        for i in range(sizes[t - first]):
            c = members[t - first, i]
            least = 2.0 * (np.float64(log_const[c]) - extremes[t - first, i, 0])
            bound = np.sqrt(max(least, 0.0)) * (1.0 - SLACK)
            near[t, c] = bound if bound < FARTHEST else 0.0  # an infinite one would never shrink
            if extremes[t - first, i, 1] > best:
                best = np.float64(extremes[t - first, i, 1])
                far[t] = np.sqrt(2.0 * max(log_const[c] - best, 0.0)) * (1.0 + SLACK)
                home[t] = c
        if best == -np.inf:  # some row is beyond the dtype's reach
            far[t] = np.inf
