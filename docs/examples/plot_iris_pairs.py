"""
Flowers, two measurements at a time
===================================

Four measurements make six pairs, and one picture. An ellipse is two standard deviations of a component
in the two features that are drawn. The diagonal shows the density of a single feature, and what each
component adds to it.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris

from fastmix import GaussianMixture
from fastmix.plotting import plot_pairs

table = load_iris(as_frame=True).data
model = GaussianMixture(n_components=3, random_state=0).fit(table)
plot_pairs(model, table)
plt.show()

# %%
# One species stands apart in whatever has to do with petals. The sepals alone would not tell the
# other two from each other.
