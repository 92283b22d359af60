"""
A histogram as a curve
======================

How dented are the cells of 569 tumours? In one dimension a mixture is a smooth curve in place of a
histogram, made of a few bells, each with a share. BIC chooses how many.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

from fastmix import select_gmm

tumours = load_breast_cancer(as_frame=True)
values = tumours.data[["worst concave points"]].to_numpy()
found = select_gmm(values, range(1, 8), covariance_types="full", n_init=5, random_state=0)
model = found.best_estimator_

# %%
# What each bell adds is its share times its density; the curve is the sum.

at = np.linspace(values.min(), values.max(), 400)[:, np.newaxis]
density = np.exp(model.score_samples(at))
parts = density[:, np.newaxis] * model.predict_proba(at)

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.hist(values, bins=40, density=True, color="#DDDDDD")
for part, weight in zip(parts.T, model.weights_, strict=True):
    ax.plot(at, part, label=f"a bell of {weight:.0%}")
ax.plot(at, density, color="#222222", label="the sum")
ax.set(xlabel="concave part of a cell's outline, mean of the three worst", ylabel="density")
ax.legend()
plt.show()

# %%
# Nobody said so, but the bell on the right is that of malignant tumours.

dented = model.predict(values) == model.means_[:, 0].argmax()
malignant = tumours.target == 0
print(f"{(dented == malignant).mean():.0%} of the tumours are under the bell of their kind.")
