"""
A photograph in segments
========================

Pixels that lie together and have one colour belong together. A Gaussian mixture of colour and
place cuts :doc:`the photograph <plot_palette>` into such segments, and tells where it is not sure: along their
borders.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.preprocessing import StandardScaler

from fastmix import GaussianMixture

photo = load_sample_image("china.jpg") / 255
height, width, _ = photo.shape
down, right = np.mgrid[:height, :width]
rows = StandardScaler().fit_transform(np.c_[photo.reshape(-1, 3), down.ravel(), right.ravel()])

model = GaussianMixture(n_components=8, random_state=0).fit(rows)
labels = model.predict(rows)
doubt = model.uncertainty(rows).reshape(height, width)

# %%
# Every segment is drawn in the mean colour of its pixels. Below, bright is where another segment is
# nearly as probable.

colours = np.array([photo.reshape(-1, 3)[labels == c].mean(axis=0) for c in range(8)])

fig, axes = plt.subplots(2, 1, figsize=(6, 7), layout="constrained")
axes[0].imshow(colours[labels].reshape(photo.shape))
axes[0].set_title("eight segments")
axes[1].imshow(doubt, cmap="inferno", vmin=0, vmax=0.5)
axes[1].set_title("uncertainty, from 0 (black) to 0.5")
for ax in axes:
    ax.axis("off")
plt.show()
