"""Compiles kernels ahead: every entry of the dicts of choices is fitted once, to a few rows.

What is compiled for a call follows from the dtype and from what the engine looks at: numbers of rows,
features and clusters, weights. So the rows here are many and different enough that it comes by all of
its branches; a test asks for every kernel of the package.
"""

import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy import sparse
from tqdm import tqdm

from fastmix._cache import Store, cache_dir, obstacle
from fastmix._commands import CommandError
from fastmix._commands.cache import OFF, kept
from fastmix._commands.tables import byte_size
from fastmix._numba import JIT, drivers_too, layer, loaded_and_compiled
from fastmix.cluster import BisectingKMeans, KMeans, MiniBatchKMeans, kmeans_plusplus
from fastmix.engine.algorithms import ALGORITHMS
from fastmix.engine.bisecting import STRATEGIES
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.seeds import SEEDINGS
from fastmix.engine.silhouette import KINDS
from fastmix.engine.starts import STARTS
from fastmix.metrics import silhouette_samples
from fastmix.mixture import BayesianGaussianMixture, GaussianMixture, MiniBatchGaussianMixture

Array = NDArray[Any]

N = 20_000  # rows: enough for the algorithms that only many rows are given to
LESS = 500  # rows: so few that NumPy looks at them, and that less is compiled
MANY = 40_000  # rows: enough for components to be skipped
CENTERS = 8
FEW, SOME, LOTS = 2, 16, 32  # features: a grid over the rows, a look at it, and bytes
UNEQUAL = 1e-9  # weight of a row among rows of weight 1: too small for running sums


class Step(NamedTuple):
    """Something to fit, or to ask."""

    name: str
    run: Callable[[], object]


def warmup(dtypes: Sequence[str], models: Sequence[str]) -> None:
    """Compile the kernels of these models for rows of these dtypes, and keep them.

    Raises
    ------
    CommandError
        If nothing can be compiled, or kept.
    """
    _check()
    steps = [
        Step(f"{name}, {dtype}: {step.name}", step.run)
        for dtype in dtypes
        for name in models
        for step in STEPS[name](np.dtype(dtype))
    ]
    before = loaded_and_compiled()
    threaded = layer() is not None
    began, lost = time.perf_counter(), Store.lost
    watched = sys.stderr.isatty()  # else a line for every step takes the place of the bar
    with (
        tqdm(steps, disable=not watched, leave=False) as bar,
        warnings.catch_warnings(),
        drivers_too(),
    ):
        warnings.simplefilter("ignore")  # fits end early
        for number, step in enumerate(bar, start=1):
            bar.set_description(step.name)
            if not watched:
                print(f"{number} of {len(steps)}: {step.name}", flush=True)
            step.run()
    there, new = np.subtract(loaded_and_compiled(), before)
    _tell(there, new, time.perf_counter() - began, threaded)
    if Store.lost > lost:
        raise CommandError(
            f"{Store.lost - lost} of {new} kernels could not be written to {cache_dir()!r}: is the disk full?"
        )


def _check() -> None:
    """CommandError where no kernel can be kept."""
    if not JIT:
        raise CommandError("nothing to compile: NUMBA_DISABLE_JIT is set")
    folder = cache_dir()
    if folder is None:
        raise CommandError(f"the cache is {OFF}; unset FASTMIX_CACHE, or name a FASTMIX_CACHE_DIR")
    hindered = obstacle()
    if hindered:
        raise CommandError(
            f"cannot write to {folder!r} ({hindered}); name another FASTMIX_CACHE_DIR"
        )


def _tell(there: int, new: int, seconds: float, threaded: bool) -> None:
    from fastmix._commands.info import facts

    folder = cache_dir()
    size = sum(each.size for each in kept() if each.folder == folder)
    print(f"{new} kernels compiled in {seconds:.0f} s, {there} were there already")
    print(f"{byte_size(size)} in {folder}")
    print(
        f"They are for this processor ({facts()['system']['compiled_for']}) and these versions of "
        "fastmix, Numba and Python; with others, kernels are compiled anew."
    )
    if not threaded:
        print("There is no threading layer here: only what runs on one thread was compiled.")


# --- k-means -----------------------------------------------------------------------------------------


def _rows(dtype: Any, d: int, n: int = N) -> Array:
    """Rows (n, d) around CENTERS places: some passes of k-means are needed, and more than a few rows move."""
    random = RandomState(0)
    places = 4.0 * random.normal(size=(CENTERS, d))
    return np.asarray(places[np.arange(n) % CENTERS] + random.normal(size=(n, d)), dtype)


def _weights(kind: str) -> Array | None:
    """None, weights that differ a little, or so much that sums are added up anew in every pass."""
    if kind == "none":
        return None
    weights = RandomState(1).uniform(0.5, 2.0, N)
    weights[0] = UNEQUAL if kind == "unequal" else 1.0
    return weights


def _ask(model: Any, X: Array, weights: Array | None = None) -> None:
    """Whatever can be asked of a fitted k-means."""
    model.predict(X)
    model.transform(X)
    model.score(X, sample_weight=weights)


def _kmeans(dtype: Any) -> Iterable[Step]:
    """All algorithms, on what they are made for and on what is not, and all seedings."""
    for name in ALGORITHMS:
        yield Step(f"algorithm={name}", partial(_algorithm, name, dtype))
    for name in SEEDINGS:
        yield Step(f"init={name}", partial(_seeding, name, dtype))
    yield Step("n_init=breathing", partial(_breathing, dtype))
    yield Step("sparse rows", partial(_sparse, KMeans(CENTERS, random_state=0), dtype))
    yield Step("silhouettes", partial(_silhouettes, dtype))


def _algorithm(name: str, dtype: Any) -> None:
    for d in (FEW, SOME, LOTS):
        X = _rows(dtype, d)
        for kind in ("none", "equal", "unequal"):
            model = KMeans(CENTERS, init=X[:CENTERS], algorithm=name, tol=0.0, max_iter=30)
            _ask(model.fit(X, sample_weight=_weights(kind)), X, _weights(kind))
    KMeans(CENTERS, init=X[:CENTERS], algorithm=name).fit(X[:LESS])
    clusters = np.repeat(X[:4], N // 4, axis=0)  # fewer than centers: some are empty
    KMeans(CENTERS, init=X[:CENTERS], algorithm=name).fit(clusters)


def _seeding(name: str, dtype: Any) -> None:
    for d in (FEW, LOTS):
        for kind in ("none", "equal"):
            model = KMeans(CENTERS, init=name, n_init=2, max_iter=2, random_state=0)
            model.fit(_rows(dtype, d), sample_weight=_weights(kind))
        kmeans_plusplus(_rows(dtype, d), CENTERS, random_state=0)  # which has not measured the rows


def _breathing(dtype: Any) -> None:
    model = KMeans(CENTERS, n_init="breathing", random_state=0, max_iter=20)
    model.fit(_rows(dtype, FEW))


def _sparse(model: Any, dtype: Any) -> None:
    X = _rows(dtype, SOME)
    X[X < 0] = 0.0
    for kind in (sparse.csr_matrix, sparse.csr_array):
        _ask(model.fit(kind(X)), kind(X))


def _silhouettes(dtype: Any) -> None:
    for kind in KINDS:
        silhouette_samples(_rows(dtype, FEW, LESS), np.arange(LESS) % CENTERS, kind=kind)


def _minibatch(dtype: Any) -> Iterable[Step]:
    for name in SEEDINGS:
        yield Step(f"init={name}", partial(_batches, name, dtype))
    yield Step("partial_fit", partial(_portions, dtype))
    model = MiniBatchKMeans(CENTERS, random_state=0)
    yield Step("sparse rows", partial(_sparse, model, dtype))


def _batches(name: str, dtype: Any) -> None:
    for d in (FEW, LOTS):
        X = _rows(dtype, d)
        for kind in ("none", "equal", "unequal"):
            model = MiniBatchKMeans(CENTERS, init=name, tol=1e-9, random_state=0)
            _ask(model.fit(X, sample_weight=_weights(kind)), X, _weights(kind))


def _portions(dtype: Any) -> None:
    X = _rows(dtype, FEW)
    model = MiniBatchKMeans(CENTERS, random_state=0)
    for some in np.array_split(X, 4):
        model.partial_fit(some)
    _ask(model, X)


def _bisecting(dtype: Any) -> Iterable[Step]:
    for name in STRATEGIES:
        yield Step(f"bisecting_strategy={name}", partial(_splits, name, dtype))
    model = BisectingKMeans(CENTERS, random_state=0)
    yield Step("sparse rows", partial(_sparse, model, dtype))


def _splits(name: str, dtype: Any) -> None:
    for d in (FEW, LOTS):
        X = _rows(dtype, d)
        for init in SEEDINGS:
            model = BisectingKMeans(CENTERS, init=init, bisecting_strategy=name, random_state=0)
            _ask(model.fit(X, sample_weight=_weights("equal")), X, _weights("equal"))
    equal = np.repeat(X[:2], N // 2, axis=0)  # a leaf of equal rows is split
    BisectingKMeans(4, bisecting_strategy=name, random_state=0).fit(equal)


# --- mixtures ----------------------------------------------------------------------------------------


def _mixtures(cls: Any, dtype: Any) -> Iterable[Step]:
    """All covariance types, and the k-means that they start from, which may take any algorithm."""
    for name in ALGORITHMS:
        yield Step(f"start by algorithm={name}", partial(_algorithm, name, dtype))
    yield Step("start by k-means++", partial(_seeding, "k-means++", dtype))
    for how in STARTS:
        yield Step(f"init_params={how}", partial(_mixture, cls, "diag", how, dtype))
    for name in COVARIANCES:
        for how in ("kmeans", "random"):  # by labels, and by responsibilities
            yield Step(
                f"covariance_type={name}, init_params={how}",
                partial(_mixture, cls, name, how, dtype),
            )
        yield Step(f"covariance_type={name}, many rows", partial(_skipping, cls, name, dtype))


def _mixture(cls: Any, name: str, how: str, dtype: Any) -> None:
    X = _rows(dtype, FEW)
    options = {"covariance_type": name, "init_params": how, "random_state": 0, "max_iter": 2}
    model = cls(n_components=3, warm_start=True, **options).fit(X, sample_weight=_weights("equal"))
    model.fit(X)
    model.predict_proba(X)
    model.score(X, sample_weight=_weights("equal"))
    cls(n_components=3, relative_reg_covar=True, on_collapse="reseed", **options).fit_predict(X)
    cls(n_components=3, **options).fit(X[:LESS])  # its passes have nothing to skip


def _skipping(cls: Any, name: str, dtype: Any) -> None:
    X = _rows(dtype, FEW, MANY)
    places = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]], dtype)
    X[:] = X % 1 + places[np.arange(MANY) % 3]
    options = {"covariance_type": name, "tol": 0.0, "max_iter": 6}
    cls(n_components=3, init_params=np.arange(MANY) % 3, **options).fit(X).predict(X)


def _streams(dtype: Any) -> Iterable[Step]:
    """The starts of a mixture, which is fitted to the first rows, and batches of all covariance types."""
    for name in ALGORITHMS:
        yield Step(f"start by algorithm={name}", partial(_algorithm, name, dtype))
    yield Step("start by k-means++", partial(_seeding, "k-means++", dtype))
    for how in STARTS:
        yield Step(f"init_params={how}", partial(_stream, "diag", how, dtype))
    for name in COVARIANCES:
        yield Step(f"covariance_type={name}", partial(_stream, name, "kmeans", dtype))
        many = partial(_skipping, GaussianMixture, name, dtype)
        yield Step(f"start of covariance_type={name}, many rows", many)


def _stream(name: str, how: str, dtype: Any) -> None:
    X, options = _rows(dtype, FEW), {"covariance_type": name, "init_params": how}
    cls: Any = MiniBatchGaussianMixture
    model = cls(n_components=3, max_iter=2, random_state=0, **options)
    model.fit(X, sample_weight=_weights("equal")).predict_proba(X)
    model.score(X, sample_weight=_weights("equal"))
    for some in np.array_split(X, 4):
        model.partial_fit(some)
    model.partial_fit(X[:LESS])


STEPS: dict[str, Callable[[Any], Iterable[Step]]] = {
    "KMeans": _kmeans,
    "MiniBatchKMeans": _minibatch,
    "BisectingKMeans": _bisecting,
    "GaussianMixture": partial(_mixtures, GaussianMixture),
    "BayesianGaussianMixture": partial(_mixtures, BayesianGaussianMixture),
    "MiniBatchGaussianMixture": _streams,
}
