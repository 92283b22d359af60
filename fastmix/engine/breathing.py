"""Breathing: a run of k-means that has come to rest goes on with centers elsewhere.

A breath adds a few centers where rows are far from theirs, moves all of them for a few passes, and takes
those away that are missed least. Where the k-means run from what is left is better, it is kept (Fritzke
2020, arXiv:2006.15666). The new centers are drawn as k-means++ draws, so that breaths differ, and the
search ends when several in a row were in vain.
"""

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from fastmix.engine import kmeans
from fastmix.engine.algorithms import Algorithm
from fastmix.engine.predictions import some, two_nearest
from fastmix.engine.results import AnyRows, Array, Floats, KMeansResult

MORE, PASSES = 5, 3  # centers that a breath adds, and passes before it takes as many away
NEIGHBOURS = 1.1  # distance within which no two are taken, in mean distances of nearest centers
GAIN, SMALLEST_GAIN = (
    1e-4,
    1e-9,
)  # of the objective, that is worth more breaths, and that counts at all
PATIENCE, MOST_PATIENCE = 4, 100  # breaths in vain
BREATHS_A_NUMBER = 1e8  # of n k d: small problems are searched longer


class Breathing:
    """The search for centers from which the next run may end better."""

    def __init__(self, rows: AnyRows, k: int, algorithm: Algorithm, random: RandomState) -> None:
        self.rows, self.algorithm, self.random = rows, algorithm, random
        self.weight = rows.weight[: rows.n].copy()  # runs may put rows in another order
        work = float(rows.n) * k * rows.frame.origin.size
        self.patience = PATIENCE + min(MOST_PATIENCE, int(BREATHS_A_NUMBER / work))
        self.in_vain = 0
        self.best: KMeansResult | None = None
        self.far = np.empty(0)  # (n,) weighted squared distances of rows to their best centers

    def better(self, found: KMeansResult, best: KMeansResult) -> bool:
        """Is this the best run now? It also counts those that were in vain."""
        share = 1.0 - found.objective / best.objective if best.objective > 0 else 0.0
        self.in_vain = 0 if share > GAIN else self.in_vain + 1
        return share > SMALLEST_GAIN

    def centers(self, best: KMeansResult) -> Array | None:
        """Where the next run is to start, (k, d); None: enough."""
        if self.in_vain >= self.patience:
            return None
        if best is not self.best:
            self.best = best
            self.far = self.weight * two_nearest(self.rows, best.centers)[1]
        n_more = min(MORE, len(best.centers), int(np.count_nonzero(self.far)))
        if n_more == 0:  # every row is a center
            return None
        drawn = self.random.choice(
            len(self.far), n_more, replace=False, p=self.far / self.far.sum()
        )
        wide = np.concatenate([best.centers, some(self.rows, drawn)])
        state = self.algorithm.start(self.rows, wide, best.state)
        loop = kmeans.steps(self.rows, wide, self.algorithm, state)
        for _ in range(PASSES):
            wide = next(loop).centers
        return np.delete(wide, self._missed_least(wide, n_more), 0)

    def _missed_least(self, centers: Array, n_less: int) -> NDArray[np.int64]:
        """Centers whose rows are nearly as close to the next one, no two of them neighbours, (n_less,)."""
        labels, sq_dist, second = two_nearest(self.rows, centers)
        loss = self.weight * (second.astype(np.float64) - sq_dist)
        missed = np.bincount(labels, loss, len(centers))
        apart = _distances(centers)
        reach = NEIGHBOURS * apart.min(1).mean()
        free = np.ones(len(centers), bool)
        taken: list[int] = []
        for c in np.argsort(missed, kind="stable"):
            if len(taken) < n_less and free[c]:
                taken.append(int(c))
                free[apart[c] < reach] = False
        for c in np.argsort(missed, kind="stable"):
            if len(taken) < n_less and c not in taken:
                taken.append(int(c))
        return np.array(taken)


def _distances(centers: Array) -> Floats:
    """Distances between centers, (k, k), infinite to themselves."""
    points = centers.astype(np.float64)
    apart = np.array([np.sqrt(np.square(points - point).sum(1)) for point in points])
    np.fill_diagonal(apart, np.inf)
    return apart
