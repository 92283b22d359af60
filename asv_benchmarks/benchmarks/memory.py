"""What calls hold: bytes a row beside X by tracemalloc's account, and the whole process at its peak."""

import tracemalloc

import fastmix

from . import problem

SHAPE = "50000 x 8, k=16"
CALLS = [
    "KMeans.fit",
    "KMeans.predict",
    "KMeans.transform",
    "MiniBatchKMeans.fit",
    "BisectingKMeans.fit",
    "GaussianMixture.fit",
    "GaussianMixture.predict_proba",
    "BayesianGaussianMixture.fit",
]


class Peak:
    """A call on one thread, its kernels compiled before; the result counts, X does not."""

    timeout = 300
    gated = ("track_bytes",)
    params = CALLS
    param_names = ["call"]

    def setup(self, call):
        name, method = call.split(".")
        self.X, _ = problem(SHAPE)
        few = {"random_state": 0, "max_iter": 3, "n_threads": 1}
        if name.endswith("Mixture"):
            few |= {"n_components": 16, "init_params": "random_from_data"}
        else:
            few["n_clusters"] = 16
        self.call = getattr(getattr(fastmix, name)(**few).fit(self.X), method)
        self.call(self.X)

    def peakmem_call(self, call):
        self.call(self.X)

    def track_bytes(self, call):
        tracemalloc.start()
        try:
            self.call(self.X)
            return tracemalloc.get_traced_memory()[1] / len(self.X)
        finally:
            tracemalloc.stop()

    track_bytes.unit = "bytes a row"
