"""
Silhouettes: are these clusters?
================================

A silhouette compares how far a row is from its own cluster with how far it is from the next one: near
1 it is at home, near 0 between two clusters, and below 0 nearer to the other one. Here are those of 178 wines
in two, three and four clusters.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from fastmix import KMeans
from fastmix.plotting import plot_silhouettes

rows = StandardScaler().fit_transform(load_wine().data)

fig, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
fig.get_layout_engine().set(wspace=0.12)
for ax, k in zip(axes, (2, 3, 4), strict=True):
    plot_silhouettes(KMeans(n_clusters=k, n_init=10, random_state=0), rows, ax=ax)
    ax.set_title(f"{k} clusters", pad=20)
plt.show()

# %%
# Three is the best of them. With four, one group is split, and both of its parts are thin.
