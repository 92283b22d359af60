"""What a user may write whose scripts are checked by `mypy --strict`: `nox -s lint` checks this one so."""

from pathlib import Path
from typing import assert_type

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import fastmix
from fastmix import (
    BayesianGaussianMixture,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    MiniBatchGaussianMixture,
    MiniBatchKMeans,
    k_means,
    kmeans_plusplus,
    select_gmm,
    select_kmeans,
)
from fastmix.metrics import silhouette_score
from fastmix.plotting import PairsDisplay, plot_gmm, plot_kmeans, plot_pairs
from fastmix.selection import Selection
from fastmix.sources import Source, apply


def clusters(X: NDArray[np.float64], k: int) -> NDArray[np.int32]:
    """Labels, by every class there is."""
    model = assert_type(KMeans(n_clusters=k, n_init="auto", random_state=0).fit(X), KMeans)
    MiniBatchKMeans(k, batch_size=256).partial_fit(X).predict(X).sum()
    bisecting = BisectingKMeans(k, random_state=np.random.RandomState(0))
    labels = bisecting.fit_predict(X, sample_weight=[1.0] * len(X))
    centers, seeds = kmeans_plusplus(X, k, random_state=0)
    again: NDArray[np.int32] = k_means(X, k, init=centers, n_init=1)[1]
    print(
        seeds.dtype, model.inertia_ < 1.0, model.n_iter_ + 1, len(model.transform(X)), again.sum()
    )
    return model.predict(X) + labels


def components(X: NDArray[np.float32], weight: NDArray[np.float64]) -> float:
    """A criterion, after mixtures of every class."""
    mixture = GaussianMixture(3, covariance_type="diag", tol=1e-4, init_params="k-means++").fit(
        X, sample_weight=weight
    )
    assert_type(mixture, GaussianMixture)
    BayesianGaussianMixture(n_components=2, max_iter=500).fit(X).weights_.sum()
    MiniBatchGaussianMixture(3, batch_size=500).partial_fit(X).means_.mean()
    rows, labels = mixture.sample(10)
    shares = mixture.predict_proba(rows).max(axis=1) + mixture.score_samples(rows)
    print(labels.tolist(), shares.sum(), mixture.condition([0], [0.5]).weights_)
    mixture.save("mixture.npz")
    again = fastmix.load("mixture.npz")
    print(again)
    return mixture.bic(X)


def choose(X: NDArray[np.float64]) -> int:
    """A number of components."""
    found = assert_type(select_gmm(X, range(1, 4), criterion="bic"), Selection)
    other = select_kmeans(X, [2, 3], random_state=0)
    print(found.table_[0], other.best_estimator_, silhouette_score(X, KMeans(2).fit_predict(X)))
    return int(found.best_estimator_.n_components)


def draw(X: NDArray[np.float64], axes: Axes) -> PairsDisplay:
    """Pictures."""
    plot_kmeans(KMeans(3).fit(X), X, ax=axes)
    plot_gmm(GaussianMixture(3).fit(X), X, ax=axes)
    return plot_pairs(GaussianMixture(3).fit(X), X)


def from_disk(path: Path, out: NDArray[np.int32]) -> None:
    """Rows that are read chunk by chunk."""
    source = Source(path, memory=1 << 24, progress=True)
    apply(KMeans(8).fit(source).predict, source, out=out)


def main() -> None:
    """All of it, in the folder of the process."""
    X = np.random.default_rng(0).normal(size=(400, 2)) + np.repeat([[0.0], [5.0]], 200, axis=0)
    fastmix.show_versions()
    print(fastmix.__version__, clusters(X, 3), choose(X))
    print(components(X.astype(np.float32), np.ones(400)))
    draw(X, Figure().subplots())
    np.save("rows.npy", X)
    from_disk(Path("rows.npy"), np.empty(400, np.int32))


if __name__ == "__main__":
    main()
