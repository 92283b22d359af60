"""
Many starts, or one search
==========================

k-means ends where its start leads it: twenty random starts end in twenty places. ``n_init="breathing"``
searches instead. From where one start has ended it adds centers where rows are far from theirs, takes
away those that are missed least, and goes on.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from fastmix import KMeans
from fastmix.plotting import plot_convergence

pictures = load_digits().data
starts = KMeans(n_clusters=40, init="random", n_init=20, random_state=0).fit(pictures)
search = KMeans(n_clusters=40, n_init="breathing", random_state=0).fit(pictures)
print(f"best of twenty starts {starts.inertia_:,.0f}, breathing {search.inertia_:,.0f}")

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
plot_convergence(starts, ax=left)
plot_convergence(search, ax=right)
left.set_title("twenty random starts")
right.set_title("one start, and breaths")
plt.show()

# %%
# It takes more passes, and comes out below all twenty. :doc:`/how_to/kmeans` says what it costs.
