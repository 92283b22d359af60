"""The demo: the pictures of k-means and mixtures, two real data sets, and a table against scikit-learn."""

from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.datasets import load_iris, make_blobs
from sklearn.metrics import adjusted_rand_score
from tqdm import tqdm

from fastmix._commands.cases import photograph
from fastmix._commands.compare import HEAD, Line, cells, compare, twin
from fastmix._commands.tables import markdown, plain
from fastmix.cluster import KMeans
from fastmix.mixture import GaussianMixture
from fastmix.plotting import plot_gmm, plot_kmeans
from fastmix.plotting._shapes import draw_points
from fastmix.plotting._style import marker_size, palette

Array = NDArray[Any]

COLOURS, SEGMENTS = 64, 5  # clusters of the pixels of a photograph
ROUNDS, ENOUGH_SECONDS = 5, 2.0  # of a comparison: so many, fewer when they take long
DPI = 150


class Fit(NamedTuple):
    """One fit of the demo."""

    name: str
    model: Any  # fastmix's estimator
    X: Array  # (n, d)


def demo(out: Path, against: bool = True) -> None:
    """Fit, compare and draw everything into `out`.

    Raises
    ------
    OSError
        If `out` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / "table.md").open("a"):  # rather fail now than after the work
        pass
    print(
        f"Compiling, fitting, and drawing {len(FIGURES)} figures: this takes a minute or two.",
        flush=True,
    )
    fits = _fits()
    lines: list[Line] = []
    with tqdm(total=len(fits) + len(FIGURES), disable=None, leave=False) as bar:
        for name, model, X in fits.values():
            bar.set_description(name)
            model.fit(X)  # compiles
            peer = twin(model) if against else None
            lines.append(compare(name, "fit", model, peer, X, ROUNDS, ENOUGH_SECONDS))
            bar.update()
        for name, draw in FIGURES.items():
            bar.set_description(name)
            draw(fits).savefig(out / f"{name}.png", dpi=DPI)
            bar.update()
    probabilities = fits["mixture"].model.predict_proba(fits["mixture"].X)
    head = ",".join(f"component {c}" for c in range(probabilities.shape[1]))
    table = {"fmt": "%.6f", "delimiter": ",", "header": head, "comments": ""}
    np.savetxt(out / "probabilities.csv", probabilities, **table)
    (out / "table.md").write_text(markdown(HEAD, map(cells, lines)), encoding="utf-8")
    print(plain(HEAD, map(cells, lines)))
    print(LEGEND)
    print(f"\nProbabilities of the least certain points under {fits['mixture'].name}:")
    unsure = probabilities.max(1).argsort()[:3]
    print(np.array2string(probabilities[unsure], precision=3, suppress_small=True))
    print(f"\n{len(FIGURES)} figures, probabilities.csv and table.md are in {out.resolve()}")


def _fits() -> dict[str, Fit]:
    """All models of the demo, not yet fitted, and their data."""
    blobs, _ = make_blobs(n_samples=500, centers=5, cluster_std=0.9, random_state=17)
    round_, _ = make_blobs(n_samples=400, centers=4, cluster_std=0.60, random_state=0)
    stretched = round_[:, ::-1] @ RandomState(13).randn(2, 2)
    pixels = photograph().reshape(-1, 3)
    start = pixels[RandomState(0).choice(len(pixels), COLOURS, replace=False)]
    return {
        "kmeans": Fit("blobs, k-means", KMeans(5, random_state=420), blobs),
        "mixture": Fit("blobs, mixture", GaussianMixture(5, random_state=420), blobs),
        "stretched kmeans": Fit("stretched, k-means", KMeans(4, random_state=0), stretched),
        "stretched mixture": Fit(
            "stretched, mixture",
            GaussianMixture(4, covariance_type="full", random_state=42),
            stretched,
        ),
        "colours": Fit("china.jpg, k-means", KMeans(COLOURS, init=start), pixels),
        "segments": Fit(
            "china.jpg, mixture",
            GaussianMixture(
                SEGMENTS,
                means_init=pixels[:: len(pixels) // SEGMENTS][:SEGMENTS],
                init_params="random_from_data",
                random_state=0,
            ),
            pixels.astype(np.float64),
        ),
        "iris": Fit("iris, mixture", GaussianMixture(3, random_state=0), load_iris().data),
    }


LEGEND = f"""
Seconds of a fit from the same start, medians of up to {ROUNDS} fits in turns, once compiled; those of a few hundred
rows are mostly checks of parameters, and noisy. Objective: inertia of k-means, mean log-likelihood of mixtures."""


def _axes(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes


def _points(fit: Fit) -> Figure:
    """Points coloured by label."""
    figure, axes = _axes(f"{fit.name}: labels")
    labels = fit.model.predict(fit.X)
    draw_points(axes, fit.X, palette(labels.max() + 1)[labels], None)
    axes.set_aspect("equal", adjustable="datalim")
    return figure


def _clusters(fit: Fit) -> Figure:
    """k-means with its discs."""
    figure, axes = _axes(f"{fit.name}: the reach of every cluster")
    plot_kmeans(fit.model, fit.X, ax=axes)
    return figure


def _components(fit: Fit) -> Figure:
    """A mixture with its ellipses."""
    figure, axes = _axes(f"{fit.name}: 1, 2 and 3 standard deviations")
    plot_gmm(fit.model, fit.X, ax=axes)
    return figure


def _overview(fits: dict[str, Fit]) -> Figure:
    """k-means and a mixture on stretched clusters, side by side."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    kmeans, mixture, X = fits["stretched kmeans"].model, *fits["stretched mixture"][1:]
    plot_kmeans(kmeans, X, ax=left)
    plot_gmm(_in_order_of(mixture, kmeans), X, ax=right)
    left.set_title("k-means: round clusters only")
    right.set_title("Gaussian mixture: any ellipse")
    return figure


def _in_order_of(mixture: Any, kmeans: Any) -> Any:
    """A copy of a mixture with its components in the order of the nearest clusters: for like colours."""
    order = linear_sum_assignment(cdist(kmeans.cluster_centers_, mixture.means_))[1]
    copied = copy(mixture)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        setattr(copied, name, getattr(mixture, name)[order])
    return copied


def _colours(fit: Fit) -> Figure:
    """A photograph before and after its colours are reduced to the centers."""
    image = photograph()
    reduced = fit.model.cluster_centers_[fit.model.predict(fit.X)].reshape(image.shape)
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    before, after = figure.subplots(1, 2)
    distinct = len(np.unique(fit.X, axis=0))
    before.imshow(image)
    before.set_title(f"{distinct:,} colours")
    after.imshow(np.clip(reduced, 0, 1))
    after.set_title(f"{len(fit.model.cluster_centers_)} colours")
    for axes in (before, after):
        axes.set_axis_off()
    return figure


def _iris(fit: Fit) -> Figure:
    """The components found in iris beside the species."""
    iris = load_iris()
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    found, true = figure.subplots(1, 2, sharex=True, sharey=True)
    agreement = adjusted_rand_score(iris.target, fit.model.predict(fit.X))
    plot_gmm(fit.model, fit.X, ax=found, dims=(2, 3))
    found.set_title(f"mixture, species unknown (adjusted Rand index {agreement:.2f})")
    # a component takes the colour of the species that most of its flowers are of
    labels = fit.model.predict(fit.X)
    colors = palette(len(iris.target_names))
    for species, name in enumerate(iris.target_names):
        own = iris.target == species
        component = np.bincount(labels[own]).argmax()
        true.scatter(
            *iris.data[own][:, 2:4].T,
            s=marker_size(len(iris.data)),
            color=colors[component],
            label=name,
        )
    true.set_aspect("equal", adjustable="box")
    true.set_title("species")
    true.legend(title=None)
    for axes in (found, true):
        axes.set_xlabel(iris.feature_names[2])
        axes.set_ylabel(iris.feature_names[3])
        axes.label_outer()
    return figure


FIGURES: dict[str, Callable[[dict[str, Fit]], Figure]] = {
    "1-kmeans-labels": lambda fits: _points(fits["kmeans"]),
    "2-kmeans-clusters": lambda fits: _clusters(fits["kmeans"]),
    "3-mixture-labels": lambda fits: _points(fits["mixture"]),
    "4-mixture-components": lambda fits: _components(fits["mixture"]),
    "5-stretched-kmeans": lambda fits: _clusters(fits["stretched kmeans"]),
    "6-stretched-mixture": lambda fits: _components(fits["stretched mixture"]),
    "7-overview": _overview,
    "8-china-colours": lambda fits: _colours(fits["colours"]),
    "9-iris": lambda fits: _iris(fits["iris"]),
}
