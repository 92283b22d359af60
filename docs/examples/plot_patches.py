"""
The alphabet of a photograph
============================

Cut twenty thousand patches of eight by eight pixels from a photograph, take out how bright each is
and how strong its contrast, and ask k-means for ninety-six typical ones. The centers are edges, bars
and blobs, in all directions: the alphabet of pictures.

Patches next to each other are alike, which hides what is fine. Whitening them first, so that all
directions have the same variance, brings it out (Coates and Ng 2012, doi:10.1007/978-3-642-35289-8_30).
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d

from fastmix import MiniBatchKMeans

grey = load_sample_image("china.jpg").mean(axis=2)
patches = extract_patches_2d(grey, (8, 8), max_patches=20_000, random_state=0).reshape(-1, 64)
patches -= patches.mean(axis=1, keepdims=True)
patches /= np.sqrt(patches.var(axis=1, keepdims=True) + 10)

whitening = PCA(n_components=40, whiten=True, random_state=0)
white = whitening.fit_transform(patches)
white /= np.linalg.norm(white, axis=1, keepdims=True)
model = MiniBatchKMeans(n_clusters=96, random_state=0).fit(white)

# %%
# The most frequent ones come first.

order = np.argsort(-np.bincount(model.labels_, minlength=96))
typical = whitening.inverse_transform(model.cluster_centers_[order]).reshape(-1, 8, 8)

fig, axes = plt.subplots(8, 12, figsize=(8, 5.4), layout="constrained")
for ax, patch in zip(axes.flat, typical, strict=True):
    limit = abs(patch).max()
    ax.imshow(patch, cmap="gray", vmin=-limit, vmax=limit)
    ax.axis("off")
plt.show()
