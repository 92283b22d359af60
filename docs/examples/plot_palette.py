"""
The colours of a photograph
===========================

Every pixel is a row of three numbers: how red, how green and how blue it is. This photograph has
96,615 different ones. k-means finds sixteen that stand for all of them best: its centers.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from fastmix import KMeans

photo = load_sample_image("china.jpg") / 255
pixels = photo.reshape(-1, 3)
model = KMeans(n_clusters=16, random_state=0).fit(pixels)
palette = model.cluster_centers_
reduced = palette[model.labels_].reshape(photo.shape)

# %%
# The bar shows the palette from dark to bright, and how many pixels take each colour. What is rare
# has no say: the red of the columns is gone, while the sky has several shades.

fig, axes = plt.subplot_mosaic(
    [["before", "after"], ["bar", "bar"]],
    figsize=(9, 3.8),
    height_ratios=(6, 1),
    layout="constrained",
)
axes["before"].imshow(photo)
axes["before"].set_title("the photograph")
axes["after"].imshow(reduced)
axes["after"].set_title("in sixteen colours")

order = np.argsort(palette.sum(axis=1))
sizes = model.cluster_sizes_[order]
axes["bar"].barh(0, sizes, left=np.cumsum(sizes) - sizes, color=palette[order], height=1)
axes["bar"].margins(0)
for ax in axes.values():
    ax.axis("off")
plt.show()
