"""
Who is in doubt?
================

Two species of iris overlap. A mixture gives each flower a probability of every component, and so
tells which flowers to look at once more.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris

from fastmix import GaussianMixture
from fastmix.plotting import plot_responsibilities, plot_uncertainty

table = load_iris(as_frame=True).data
model = GaussianMixture(n_components=3, covariance_type="tied", random_state=0).fit(table)

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.7), layout="constrained")
plot_uncertainty(model, table, ax=left, dims=("petal length (cm)", "petal width (cm)"))
plot_responsibilities(model, table, ax=right, rows=15)
plt.show()

# %%
# The larger and darker a flower on the left, the less sure is its component. On the right are the
# probabilities of the fifteen flowers most in doubt.
