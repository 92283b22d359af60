"""What people do with the models, on rows as they have them: no kernel may be compiled once all are warm.

`python -m usage float64 KMeans` does it with threads for any work, and prints the kernels that were compiled.
"""

import sys
import warnings
from itertools import product

import numpy as np
from scipy import sparse

N = 20_000


def rows(n, d, k, dtype, spread=1.0):
    """Rows around k centers."""
    random = np.random.RandomState(7)
    centers = random.uniform(-5, 5, (k, d))
    return (centers[random.randint(k, size=n)] + spread * random.normal(size=(n, d))).astype(dtype)


def weights(n):
    """None, whole numbers, and weights of which a few are next to nothing."""
    random = np.random.RandomState(3)
    tiny = np.where(np.arange(n) < 5, 1e-12, random.uniform(1, 3, n))
    return [None, random.randint(0, 4, n), tiny]


def ask(model, X, weight):
    """Every method of a fitted k-means, for rows that it has seen and for rows far away."""
    far = X[:100] * X.dtype.type(1e15)
    lists = [X[:50].tolist()] if X.dtype == np.float64 else []  # which are float64
    for its in (X, X[:7], far, np.asfortranarray(X), *lists):
        model.predict(its)
        model.transform(its)
    model.score(X, sample_weight=weight)
    model.fit_predict(X, sample_weight=weight)


def use_sparse(model, dtype):
    X = sparse.random(2_000, 300, 0.02, "csr", random_state=0, dtype=np.float64).astype(dtype)
    for its in (X, sparse.csr_array(X)):
        model.fit(its).predict(its)
        model.transform(its)
        model.score(its)


def use_kmeans(dtype):
    from fastmix import KMeans, k_means, kmeans_plusplus, select_kmeans
    from fastmix.metrics import silhouette_samples

    for (d, k), weight in product(
        [(2, 40), (3, 8), (8, 80), (16, 100), (40, 64), (300, 5)], weights(N)
    ):
        X = rows(N, d, k, dtype, 2.0)
        ask(KMeans(k, random_state=0).fit(X, sample_weight=weight), X, weight)
    X = rows(N, 5, 9, dtype)
    X.flags.writeable = False
    for algorithm in (
        "lloyd",
        "elkan",
        "hamerly",
        "filtering",
        "quantized",
        "mixed_precision",
        "auto",
    ):
        KMeans(9, init="random", algorithm=algorithm, random_state=1, max_iter=50).fit(X)
    KMeans(9, init=X[:9]).fit(X)
    KMeans(9, init=np.repeat(X[:3], 3, axis=0)).fit(X)  # clusters are empty
    KMeans(9, n_init="breathing", random_state=0).fit(X[:3_000])
    KMeans(70, n_init="breathing", random_state=0).fit(rows(N, 20, 70, dtype))
    KMeans(3).fit(X[:10]).predict(X[:10])
    kmeans_plusplus(rows(N, 30, 9, dtype), 9, random_state=0)
    k_means(X, 9, random_state=0, sample_weight=weights(N)[1])
    for kind in ("exact", "simplified"):
        silhouette_samples(X[:3_000], np.arange(3_000) % 7, kind=kind)
    use_sparse(KMeans(6, random_state=0), dtype)
    use_sparse(KMeans(6, n_init="breathing", random_state=0), dtype)
    select_kmeans(X, [2, 9], sample_weight=weights(N)[1], random_state=0)


def use_lloyd(dtype):
    """Lloyd's algorithm from given centers: few kernels."""
    from fastmix import KMeans

    for (d, k), weight in product([(2, 40), (16, 9), (60, 5)], weights(N)):
        X = rows(N, d, k, dtype, 2.0)
        model = KMeans(k, init=X[:k], algorithm="lloyd")
        ask(model.fit(X, sample_weight=weight), X, weight)
    model = KMeans(9, init=np.repeat(X[:3], 3, axis=0), algorithm="lloyd", max_iter=20)
    ask(model.fit(X[:100]), X, None)


def use_minibatch(dtype):
    from fastmix import MiniBatchKMeans

    for (d, k), weight in product([(2, 40), (30, 20)], weights(N)):
        X = rows(N, d, k, dtype, 2.0)
        ask(MiniBatchKMeans(k, random_state=0).fit(X, sample_weight=weight), X, weight)
        MiniBatchKMeans(k, init="random", n_init=3, tol=1e-3, compute_labels=False).fit(X)
        model = MiniBatchKMeans(k, random_state=0)
        for some, its in zip(np.array_split(X, 5), np.array_split(np.ones(N), 5), strict=True):
            model.partial_fit(some, sample_weight=its)
        ask(model, X, None)
    use_sparse(MiniBatchKMeans(6, random_state=0), dtype)


def use_bisecting(dtype):
    from fastmix import BisectingKMeans

    for (d, k), weight in product([(2, 20), (30, 9)], weights(N)):
        X = rows(N, d, k, dtype, 2.0)
        heavy = None if weight is None else weight + 1.0
        for strategy in ("biggest_inertia", "largest_cluster"):
            model = BisectingKMeans(k, bisecting_strategy=strategy, init="k-means++", n_init=2)
            ask(model.fit(X, sample_weight=heavy), X, heavy)
    BisectingKMeans(1).fit(X)
    use_sparse(BisectingKMeans(6, random_state=0), dtype)


def use_mixture(cls, dtype, **options):
    """All covariance types on overlapping rows, and on many rows far apart."""
    apart = rows(60_000, 2, 4, dtype, 0.01)
    for kind, weight in product(
        ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical"), weights(5_000)[:2]
    ):
        X = rows(5_000, 6, 5, dtype)
        for init in ("kmeans", "kmeans-whitened", "k-means++", "random", "random_from_data"):
            model = cls(
                n_components=5, covariance_type=kind, init_params=init, max_iter=5, random_state=0
            )
            model.set_params(warm_start=True, on_collapse="reseed", **options)
            model.fit(X, sample_weight=weight).fit(X)
        model.predict(X)
        model.predict_proba(X[:9])
        model.score_samples(X[:9])  # a list would be float64
        model.score(X, sample_weight=weight)
        model.uncertainty(X)
        model.mahalanobis(X)
        model.sample(100)
        model.predict(X[:10] * X.dtype.type(1e12))
        cls(n_components=4, covariance_type=kind, tol=0.0, max_iter=8, random_state=0).fit(apart)
    for d, k in [(2, 40), (16, 20), (40, 20)]:  # starts by other algorithms
        cls(n_components=k, covariance_type="diag", random_state=0, max_iter=3).fit(
            rows(30_000, d, k, dtype)
        )
    cls(n_components=3, relative_reg_covar=True, random_state=0).fit(X)
    cls(n_components=2, random_state=0).fit(X[:100]).predict(X[:100])
    few = np.repeat(X[:4], 50, axis=0)
    for policy in ("reseed", "regularize"):
        cls(n_components=3, on_collapse=policy, random_state=0).fit(np.r_[few, X[:200]])


def use_gaussian(dtype):
    from fastmix import GaussianMixture, select_gmm

    use_mixture(GaussianMixture, dtype)
    X = rows(5_000, 6, 5, dtype)
    model = GaussianMixture(5, accelerate="squarem", random_state=0).fit(X)
    model.bic(X), model.aic(X), model.icl(X)
    select_gmm(X, [1, 5], criterion="icl", random_state=0)
    model.marginal([0, 2]).predict(X[:, [0, 2]])
    model.condition([0], [1.0]).predict(X[:, 1:])
    GaussianMixture(5, init_params=np.arange(5_000) % 5).fit_predict(X)
    means, eyes = X[:5], np.tile(np.eye(6), (5, 1, 1))
    GaussianMixture(5, means_init=means, precisions_init=eyes, weights_init=[0.2] * 5).fit(X)


def use_bayesian(dtype):
    from fastmix import BayesianGaussianMixture

    use_mixture(BayesianGaussianMixture, dtype)
    use_mixture(
        BayesianGaussianMixture, dtype, weight_concentration_prior_type="dirichlet_distribution"
    )


def use_streams(dtype):
    from fastmix import MiniBatchGaussianMixture

    for kind in ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical"):
        X = rows(5_000, 6, 5, dtype)
        model = MiniBatchGaussianMixture(5, covariance_type=kind, random_state=0, max_iter=2)
        model.fit(X, sample_weight=weights(5_000)[1]).predict_proba(X)
        for some in np.array_split(X, 5):
            model.partial_fit(some)


USES = {
    "KMeans": use_kmeans,
    "MiniBatchKMeans": use_minibatch,
    "BisectingKMeans": use_bisecting,
    "GaussianMixture": use_gaussian,
    "BayesianGaussianMixture": use_bayesian,
    "MiniBatchGaussianMixture": use_streams,
}


def main(dtype, *names):
    from fastmix import _numba, _threads
    from fastmix.kernels import shards

    shards.WORK_A_SHARD = 1
    _threads.THREAD_WORK.clear()
    _threads.DEFAULT_THREAD_WORK = 0
    warnings.simplefilter("ignore")
    for name in names:
        {**USES, "Lloyd": use_lloyd}[name](np.dtype(dtype))
    for kernel in list(_numba._dispatchers):
        for signature in kernel.stats.cache_misses:
            print(kernel.py_func.__module__, kernel.py_func.__qualname__, signature)
    print(_numba.loaded_and_compiled()[0] > 0, _numba._layer())


if __name__ == "__main__":
    main(*sys.argv[1:])
