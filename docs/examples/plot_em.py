"""
Watching EM
===========

EM takes turns: the rows take the colours of the components that they probably come from, then each
component moves to its rows. Here two Gaussians that begin in the wrong places find the two kinds of
eruptions of Old Faithful.

The data are 272 eruptions (:download:`faithful.csv <../../tests/data/faithful.csv>`), brought to
one scale.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler

from fastmix import GaussianMixture
from fastmix.plotting import animate_fit

rows = np.loadtxt("../../tests/data/faithful.csv", delimiter=",", skiprows=4)
rows = StandardScaler().fit_transform(rows)
model = GaussianMixture(
    n_components=2,
    weights_init=[0.5, 0.5],
    means_init=[[-1.0, 1.0], [0.0, -1.0]],
    precisions_init=[4 * np.eye(2)] * 2,
)
fig, ax = plt.subplots(figsize=(5.6, 4.4), layout="constrained")
display = animate_fit(model, rows, ax=ax)
plt.show()

# %%
# ``display.save("em.gif")`` writes it to a file; in a notebook ``display`` is a player.
# :doc:`/tutorial/expectation_maximization` has the equations.
#
# Not every start ends as well: with the second mean at (1, -1) both components share both groups. Hence
# the starts from k-means, and ``n_init``.
