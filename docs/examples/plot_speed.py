"""
How fast is it here?
====================

The same fits by fastmix and by scikit-learn, from the same start, on the machine that built this
page: pixels of a photograph, three features each. Run it on yours.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn import cluster, mixture
from sklearn.datasets import load_sample_image

import fastmix

pixels = load_sample_image("china.jpg").reshape(-1, 3) / 255
pixels = np.random.default_rng(0).permutation(pixels)
sizes = (500, 4_000, 32_000)


def seconds(model, rows):
    """The least time of five fits; the first one, before them, may have to compile."""
    model.fit(rows)
    times = []
    for _ in range(5):
        start = perf_counter()
        model.fit(rows)
        times.append(perf_counter() - start)
    return min(times)


kmeans = {"n_clusters": 32, "init": pixels[:32], "n_init": 1}
gmm = {"n_components": 5, "init_params": "random_from_data", "tol": 1e-2, "random_state": 0}
fits = {
    "k-means, 32 clusters": (fastmix.KMeans(**kmeans), cluster.KMeans(**kmeans)),
    "mixture, 5 components": (fastmix.GaussianMixture(**gmm), mixture.GaussianMixture(**gmm)),
}

# %%
# What fits cost once kernels are compiled; compiling takes seconds, once on a machine
# (:doc:`/how_to/first_call`). On few rows, what a call costs anyway is most of it. Whatever else the
# machine had to do is measured, too: :doc:`/performance/peers` has more cases, each measured several times in turns.

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for ax, (title, models) in zip(axes, fits.items(), strict=True):
    ours, theirs = ([seconds(model, pixels[:n]) for n in sizes] for model in models)
    ax.loglog(sizes, theirs, "s-", color="#888888", label="scikit-learn")
    ax.loglog(sizes, ours, "o-", color="#0072B2", label="fastmix")
    for n, slow, fast in zip(sizes, theirs, ours, strict=True):
        ax.annotate(
            f"{slow / fast:.1f} x", (n, slow), (0, 6), textcoords="offset points", ha="center"
        )
    ax.set(title=title, xlabel="rows")
    ax.margins(0.15)
axes[0].set_ylabel("seconds")
axes[0].legend(loc="upper left")
plt.show()
