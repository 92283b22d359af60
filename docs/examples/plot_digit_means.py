"""
Ways to write a digit
=====================

Nobody told k-means which digit is on which of these 1,797 pictures of eight by eight pixels. Twenty
clusters find them all the same, and the ways to write some of them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from fastmix import KMeans

digits = load_digits()
model = KMeans(n_clusters=20, n_init=10, random_state=0).fit(digits.data)

# %%
# Each picture is a center, the mean of its cluster. Above it stands the digit that is most frequent
# there, with its share of the cluster.

counts = np.zeros((20, 10), int)
np.add.at(counts, (model.labels_, digits.target), 1)
most, share = counts.argmax(axis=1), counts.max(axis=1) / counts.sum(axis=1)
order = np.lexsort((-share, most))

fig, axes = plt.subplots(4, 5, figsize=(6, 5.6), layout="constrained")
for ax, c in zip(axes.flat, order, strict=True):
    ax.imshow(model.cluster_centers_[c].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"{most[c]}: {share[c]:.0%}", fontsize="medium")
    ax.axis("off")
plt.show()
print(
    f"{counts.max(axis=1).sum() / counts.sum():.0%} of the pictures are in a cluster of their digit."
)
