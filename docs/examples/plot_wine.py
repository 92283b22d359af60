"""
Thirteen measurements of wine in one plane
==========================================

Of 178 wines by three growers thirteen things were measured. Of all planes through thirteen dimensions
two are worth a look: the one in which the wines vary most, and the one in which the components of a
mixture lie farthest apart.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.metrics import confusion_matrix
from sklearn.preprocessing import StandardScaler

from fastmix import GaussianMixture
from fastmix.plotting import plot_projection

wine = load_wine()
rows = StandardScaler().fit_transform(wine.data)
model = GaussianMixture(n_components=3, covariance_type="tied", n_init=5, random_state=0).fit(rows)

fig, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for ax, plane in zip(axes, ("principal", "separating"), strict=True):
    plot_projection(model, rows, ax=ax, plane=plane)
    ax.set_title(f"the {plane} plane")
plt.show()

# %%
# The mixture was not told the growers, and finds them: a row for each grower, a column for each component.

print(confusion_matrix(wine.target, model.predict(rows)))
