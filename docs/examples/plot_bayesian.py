"""
Components that switch themselves off
=====================================

A mixture uses all the components it is given, whether there is a need for them or not. A Bayesian
one takes their number for the most it may use: components that explain little lose their rows to
others, and fade.

The data are 272 eruptions of Old Faithful (:download:`faithful.csv <../../tests/data/faithful.csv>`).
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler

from fastmix import BayesianGaussianMixture, GaussianMixture
from fastmix.plotting import plot_gmm

rows = np.loadtxt("../../tests/data/faithful.csv", delimiter=",", skiprows=4)
rows = StandardScaler().fit_transform(rows)
usual = GaussianMixture(n_components=8, random_state=0).fit(rows)
bayesian = BayesianGaussianMixture(
    n_components=8, weight_concentration_prior=0.001, max_iter=1000, random_state=0
).fit(rows)

# %%
# Below are the weights of the eight components.

fig, axes = plt.subplots(
    2, 2, figsize=(9, 5.4), height_ratios=(3, 1), sharey="row", layout="constrained"
)
for (above, below), model in zip(axes.T, (usual, bayesian), strict=True):
    plot_gmm(model, rows, ax=above, n_std=2)
    above.set_title(type(model).__name__)
    below.bar(range(8), model.weights_, color="#888888")
    below.set_xlabel("component")
axes[1, 0].set_ylabel("weight")
plt.show()
