"""
Old Faithful
============

The geyser in Yellowstone erupts for two minutes or for four, and the longer it does, the longer it
keeps people waiting for the next time. A mixture of two Gaussians says that as a density.

The data are 272 eruptions (:download:`faithful.csv <../../tests/data/faithful.csv>`).
"""

import matplotlib.pyplot as plt
import pandas as pd

from fastmix import GaussianMixture
from fastmix.plotting import plot_density

names = ["minutes it erupted", "minutes to the next time"]
table = pd.read_csv("../../tests/data/faithful.csv", skiprows=4, names=names)
model = GaussianMixture(n_components=2, init_params="kmeans-whitened", random_state=0).fit(table)

fig, ax = plt.subplots(layout="constrained")
plot_density(model, table, ax=ax, levels=(0.25, 0.5, 0.75, 0.9, 0.99))
plt.show()

# %%
# Each line is drawn around the smallest region that holds such a share of all eruptions, by the
# mixture. The starts are whitened, because minutes of waiting differ much more than minutes of eruption.
