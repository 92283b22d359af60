"""
New digits
==========

A mixture is a recipe for rows: draw a component, then a row from its Gaussian. Fitted to pictures
of digits, it draws digits that nobody wrote.

Sixty-four pixels are many for a few hundred pictures of each kind, so the mixture is of thirty
principal components, and what is drawn is turned back into pixels.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from fastmix import GaussianMixture

pictures = load_digits().data
pca = PCA(n_components=30, random_state=0)
rows = pca.fit_transform(pictures)
model = GaussianMixture(n_components=20, relative_reg_covar=True, reg_covar=0.02, random_state=0)
model.fit(rows)
drawn, _ = model.sample(56, random_state=4)
new = pca.inverse_transform(drawn)

# %%
# A stroke or two goes astray, but most can be read. They come component after component, as
# :meth:`sample <fastmix.GaussianMixture.sample>` draws them.

fig = plt.figure(figsize=(9, 5.4), layout="constrained")
halves = fig.subfigures(1, 2, wspace=0.05)
titles = ("written by people", "drawn by the mixture")
for half, title, rows in zip(halves, titles, (pictures[100:156], new), strict=True):
    half.suptitle(title)
    for ax, row in zip(half.subplots(8, 7).flat, rows, strict=True):
        ax.imshow(row.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.axis("off")
plt.show()
