"""
How many components, and of what shape?
=======================================

:func:`~fastmix.select_gmm` fits several numbers of components, here 1 to 7, in six shapes, and
takes the fit of lowest BIC: the likelihood of the data, less a charge for every free number.

The data are 272 eruptions of Old Faithful (:download:`faithful.csv <../../tests/data/faithful.csv>`).
"""

import matplotlib.pyplot as plt
import pandas as pd

from fastmix import select_gmm
from fastmix.plotting import plot_gmm, plot_selection

names = ["minutes it erupted", "minutes to the next time"]
table = pd.read_csv("../../tests/data/faithful.csv", skiprows=4, names=names)
found = select_gmm(table, range(1, 8), init_params="kmeans-whitened", n_init=5, random_state=0)
print(found)

# %%
# Three components of one shape win, narrowly: the long eruptions are not quite one Gaussian.

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
plot_selection(found, ax=left)
plot_gmm(found.best_estimator_, table, ax=right)
plt.show()
