"""
The missing half of a digit
===========================

A mixture of all features knows what some of them say about the others. :meth:`condition
<fastmix.GaussianMixture.condition>` gives the mixture of the missing features where the rest is
known: here, the lower halves of digits of which only the upper half is seen.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from fastmix import GaussianMixture

pictures = load_digits().data
learnt, unseen = pictures[:1600], pictures[1600:]
model = GaussianMixture(n_components=20, reg_covar=1.0, random_state=0).fit(learnt)

upper = np.arange(32)  # the first four of eight rows of pixels
fig, axes = plt.subplots(3, 8, figsize=(8, 3.1), layout="constrained")
for column, digit in zip(axes.T, unseen[40:48], strict=True):
    lower = model.condition(upper, digit[upper])
    expected = lower.weights_ @ lower.means_
    filled = np.r_[digit[upper], expected]
    seen = np.r_[digit[upper], np.full(32, np.nan)]
    for ax, picture in zip(column, (seen, filled, digit), strict=True):
        ax.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
for ax, name in zip(axes[:, 0], ("seen", "filled in", "written"), strict=True):
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()

# %%
# None of these pictures was in the fit. What is filled in is the expectation, which is blurred where a
# half may go on in two ways; ``lower`` knows both ways, and how probable each of them is.
