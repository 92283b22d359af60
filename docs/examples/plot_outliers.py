"""
Outliers: what does not look like the rest
==========================================

A mixture that has seen harmless tumours alone tells how far every other one is from all it knows, in
standard deviations. Malignant ones are far, which is called an anomaly, though it was never told what they look like.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from fastmix import GaussianMixture

tumours = load_breast_cancer()
worst = tumours.data[:, 20:]  # ten measurements, each the mean of the three worst cells
benign, malignant = worst[tumours.target == 1], worst[tumours.target == 0]
known, aside, new = benign[:200], benign[200:280], benign[280:]

scaler = StandardScaler().fit(known)
model = GaussianMixture(n_components=2, reg_covar=0.01, random_state=0).fit(scaler.transform(known))
distances = [
    model.mahalanobis(scaler.transform(rows)).min(axis=1) for rows in (aside, new, malignant)
]

# %%
# The border is where one in twenty harmless tumours lies beyond. It is found with tumours that were
# not in the fit, because those that were are nearer.

border = np.quantile(distances[0], 0.95)
beyond = [f"{(each > border).mean():.0%}" for each in distances]
print(f"Beyond the border: {beyond[1]} of new benign tumours, {beyond[2]} of malignant ones.")

bins = np.geomspace(1, 100, 41)
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for rows, name in zip(distances[1:], ("benign, new", "malignant"), strict=True):
    share = np.full(len(rows), 1 / len(rows))
    ax.hist(rows, bins, weights=share, alpha=0.7, label=name)
ax.axvline(border, color="#222222", linestyle="--", label="border")
ax.set(
    xscale="log", xlabel="standard deviations from the nearest component", ylabel="share of rows"
)
ax.set_xticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
ax.minorticks_off()
ax.legend()
plt.show()
