"""
When does it erupt again?
=========================

Old Faithful has just erupted for so many minutes: how long is it until the next time? A mixture of
both numbers answers by :meth:`condition <fastmix.GaussianMixture.condition>`, which gives the density of
the second one where the first one is known.

The data are 272 eruptions (:download:`faithful.csv <../../tests/data/faithful.csv>`).
"""

import matplotlib.pyplot as plt
import numpy as np

from fastmix import GaussianMixture

rows = np.loadtxt("../../tests/data/faithful.csv", delimiter=",", skiprows=4)
model = GaussianMixture(n_components=2, init_params="kmeans-whitened", random_state=0).fit(rows)

duration = np.linspace(1.4, 5.3, 200)
waiting = np.linspace(40, 100, 241)
known = [model.condition([0], [minutes]) for minutes in duration]
density = np.exp([given.score_samples(waiting[:, None]) for given in known])
expected = [float(given.weights_ @ given.means_[:, 0]) for given in known]

# %%
# Every column of the picture is a density. Where eruptions of both kinds are possible, near three
# minutes, it has two peaks, and nobody waits the mean of them.

fig, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
shown = ax.pcolormesh(duration, waiting, density.T, cmap="Blues", shading="gouraud")
ax.plot(*rows.T, "o", color="#222222", markersize=2.5, alpha=0.6)
ax.plot(duration, expected, color="#D55E00", label="expected")
ax.set(xlabel="minutes it erupted", ylabel="minutes to the next time")
ax.legend(loc="upper left")
fig.colorbar(shown, label="density a minute")
plt.show()
