"""Hostile inputs, and what may become of them: a finite model, or a ValueError that names the cause.

A case is made of a few small numbers and names, so that its repr is all that a report needs:
`check(Case(...))` does it again.
"""

import re
import warnings
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from scipy import sparse

import fastmix
from fastmix.engine.algorithms import ALGORITHMS
from fastmix.engine.covariances import COVARIANCES

FAMILY = ("KMeans", "MiniBatchKMeans", "BisectingKMeans")
MIXTURES = ("GaussianMixture", "BayesianGaussianMixture", "MiniBatchGaussianMixture")
MODELS = FAMILY + MIXTURES


class Case(NamedTuple):
    """A model, and the recipe of the rows, weights and queries that it is given."""

    model: str
    options: dict
    kind: str  # of rows, in KINDS
    n: int
    d: int
    scale: int = 0  # rows are multiplied by ten to this power
    offset: float = 0.0  # and then this is added
    dtype: str = "float64"
    layout: str = "C"  # in LAYOUTS
    weight: str = "none"  # in WEIGHTS
    query: int = 0  # as scale, of what is asked after the fit
    query_dtype: str = "float64"
    seed: int = 0


# --- rows ------------------------------------------------------------------------------------


def wild(rng, n, d):
    """Numbers of any size that float64 has, subnormal ones as well."""
    return rng.choice([-1.0, 1.0], (n, d)) * np.exp2(rng.uniform(-1074, 1023.9, (n, d)))


def near(rng, n, d):
    """Rows that differ in their last bits."""
    return 1 + np.finfo(float).eps * rng.randint(3, size=(n, d))


def outlier(rng, n, d):
    """One row far from all others."""
    X = rng.normal(size=(n, d))
    X[rng.randint(n)] *= 10.0 ** rng.randint(1, 160)
    return X


KINDS = {
    "normal": lambda rng, n, d: rng.normal(size=(n, d)),
    "blobs": lambda rng, n, d: rng.normal(size=(n, d)) + 10.0 * (np.arange(n) % 3)[:, None],
    "lattice": lambda rng, n, d: rng.randint(-2, 3, size=(n, d)).astype(float),
    "equal": lambda rng, n, d: np.tile(rng.normal(size=d), (n, 1)),
    "few": lambda rng, n, d: rng.normal(size=(2, d))[rng.randint(2, size=n)],
    "line": lambda rng, n, d: np.outer(rng.normal(size=n), rng.normal(size=d)),
    "constant column": lambda rng, n, d: np.c_[np.ones(n), rng.normal(size=(n, d - 1))],
    "units": lambda rng, n, d: rng.normal(size=(n, d)) * 10.0 ** rng.uniform(-150, 150, d),
    "sparse": lambda rng, n, d: rng.normal(size=(n, d)) * (rng.uniform(size=(n, d)) < 0.2),
    "heavy tail": lambda rng, n, d: rng.standard_cauchy(size=(n, d)),
    "wild": wild,
    "near": near,
    "outlier": outlier,
}


def within(X, dtype):
    """X as a dtype, its numbers cut to what it can hold."""
    dtype = np.dtype(dtype)
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    X = np.clip(np.nan_to_num(X), np.float64(limits.min), np.float64(limits.max))
    with np.errstate(all="ignore"):
        X = X.astype(dtype)
    return (
        X if dtype.kind in "iu" else np.nan_to_num(X)
    )  # a float64 below the limit may round to inf


def made(kind, n, d, scale, offset, dtype, seed):
    """The rows of a recipe."""
    with np.errstate(all="ignore"):
        X = KINDS[kind](np.random.RandomState(seed), n, d)
        X = X * 10.0 ** (scale // 2) * 10.0 ** (scale - scale // 2) + offset
    return within(X, dtype)


def read_only(X):
    X.setflags(write=False)
    return X


LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "backwards": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "read-only": read_only,
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "list": lambda X: X.tolist(),
    "csr": lambda X: sparse.csr_array(X.astype(np.result_type(X, np.float32))),
    "csc": lambda X: sparse.csc_matrix(X.astype(np.result_type(X, np.float32))),
}


# --- weights ---------------------------------------------------------------------------------


def one(rng, n):
    """One row has weight."""
    return np.eye(n)[rng.randint(n)]


WEIGHTS = {
    "none": lambda rng, n: None,
    "ones": lambda rng, n: np.ones(n),
    "number": lambda rng, n: 3.0,
    "whole": lambda rng, n: rng.randint(1, 4, size=n),
    "some zeros": lambda rng, n: np.r_[1, rng.randint(2, size=n - 1)],
    "one": one,
    "uniform": lambda rng, n: rng.uniform(size=n),
    "float32": lambda rng, n: rng.uniform(size=n).astype("float32"),
    "tiny": lambda rng, n: rng.uniform(1, 2, size=n) * 1e-310,
    "huge": lambda rng, n: rng.uniform(size=n) * 1e300,
    "any size": lambda rng, n: np.exp2(rng.uniform(-1000, 1000, size=n)),
    "unequal": lambda rng, n: 10.0 ** rng.randint(-30, 30, size=n),
    "zeros": lambda rng, n: np.zeros(n),
    "negative": lambda rng, n: np.r_[-1.0, np.ones(n - 1)],
    "NaN": lambda rng, n: np.r_[np.nan, np.ones(n - 1)],
    "inf": lambda rng, n: np.r_[np.inf, np.ones(n - 1)],
    "short": lambda rng, n: np.ones(n - 1),
}


# --- models ----------------------------------------------------------------------------------


def options_of(model):
    """Strategy of the options of a model, of all that change what is computed."""
    k = st.integers(1, 12)
    common = {"n_threads": st.sampled_from([1, 2, 3]), "random_state": st.integers(0, 99)}
    if model in FAMILY:
        inits = st.sampled_from(["k-means++", "random"])
        common |= {"n_clusters": k, "init": inits, "n_init": st.integers(1, 2)}
        common |= {"tol": st.sampled_from([0.0, 1e-4, 1.0])}
    if model in ("KMeans", "BisectingKMeans"):
        common |= {"algorithm": st.sampled_from(sorted(ALGORITHMS)), "max_iter": st.integers(1, 30)}
    if model == "KMeans":
        common |= {"n_init": st.sampled_from([1, 2, "auto", "breathing"])}
    if model == "MiniBatchKMeans":
        common |= {
            "batch_size": st.sampled_from([1, 5, 100]),
            "max_iter": st.integers(1, 5),
            "reassignment_ratio": st.sampled_from([0.0, 0.01, 2.0]),
            "max_no_improvement": st.sampled_from([None, 0, 10]),
            "compute_labels": st.booleans(),
        }
    if model == "BisectingKMeans":
        common |= {"bisecting_strategy": st.sampled_from(["biggest_inertia", "largest_cluster"])}
    if model in MIXTURES:
        starts = ["kmeans", "k-means++", "random", "random_from_data", "kmeans-whitened"]
        common |= {
            "n_components": k,
            "covariance_type": st.sampled_from(sorted(COVARIANCES)),
            "init_params": st.sampled_from(starts),
            "reg_covar": st.sampled_from([0.0, 1e-300, 1e-6, 1.0, 1e30]),
            "relative_reg_covar": st.booleans(),
            "on_collapse": st.sampled_from(["raise", "reseed", "regularize"]),
            "max_iter": st.integers(0, 20),
            "n_init": st.integers(1, 2),
            "tol": st.sampled_from([0.0, 1e-3]),
        }
    if model == "MiniBatchGaussianMixture":
        common |= {
            "batch_size": st.sampled_from([1, 5, 100, 1024]),
            "learning_decay": st.sampled_from([0.51, 0.6, 1.0]),
            "forgetting": st.sampled_from([0.0, 0.1, 1.0]),
            "max_iter": st.integers(0, 4),
        }
    if model == "GaussianMixture":
        common |= {"accelerate": st.sampled_from([None, "squarem"])}
    if model == "BayesianGaussianMixture":
        kinds = ["dirichlet_process", "dirichlet_distribution"]
        common |= {
            "weight_concentration_prior_type": st.sampled_from(kinds),
            "weight_concentration_prior": st.sampled_from([None, 1e-100, 1e3, 1e100]),
            "mean_precision_prior": st.sampled_from([None, 1e-100, 1e100]),
            "degrees_of_freedom_prior": st.sampled_from([None, 1e4, 1e100]),
        }
    return st.fixed_dictionaries({}, optional=common)


@st.composite
def cases(draw, model, most_rows=300):
    """Strategy of the cases of a model."""
    sizes = st.one_of(st.integers(1, 15), st.integers(8, 80), st.integers(12, most_rows))
    if most_rows > 100:
        sizes = st.one_of(*[sizes] * 9, st.just(5000))  # more than one shard
    edges = st.sampled_from([-160, 19, 37, 150, 300])
    scales = st.one_of(st.just(0), st.integers(-330, 160), edges)
    floats = ["float64", "float32"]
    kinds = st.one_of(
        st.sampled_from(floats), st.sampled_from([*floats, "float16", "int8", "uint64", "int64"])
    )
    offsets = [0.0, 0.0, 0.0, 1.0, 1e3, -1e8, 1e15, 1e30, 1e153, -1e300]
    sparse_rows = [] if model in MIXTURES else ["csr", "csc"]
    layouts = [name for name in LAYOUTS if name not in ("csr", "csc")] + sparse_rows
    return Case(
        model=model,
        options=draw(options_of(model)),
        kind=draw(st.sampled_from(list(KINDS))),
        n=draw(sizes),
        d=draw(st.one_of(st.integers(1, 5), st.sampled_from([8, 17, 40, 130]))),
        scale=draw(scales),
        offset=draw(st.sampled_from(offsets)),
        dtype=draw(kinds),
        layout=draw(st.one_of(st.just("C"), st.sampled_from(layouts))),
        weight=draw(st.one_of(st.just("none"), st.sampled_from(list(WEIGHTS)))),
        query=draw(st.one_of(st.just(0), scales)),
        query_dtype=draw(st.sampled_from(floats)),
        seed=draw(st.integers(0, 999)),
    )


# --- what may become of it -------------------------------------------------------------------

CAUSES = re.compile(
    r"(?s)too large.*(overflow|Rescale)|n_samples ?=|Found array with|minimum of 2 is required"
    r"|ill-defined empirical covariance|sample_weight|[Ss]ample weights|covariance_prior|so far from every component"
    r"|(weight_concentration|mean_precision|degrees_of_freedom)_prior"
)
TELLING = re.compile(
    r"Number of distinct clusters|did not converge|doesn't make sense for a single cluster"
    r"|init_size=|Component|collapsed|covariance"
)
MAY_BE_INFINITE = {"inertia_history_", "precisions_", "lower_bounds_", "lower_bound_"}


def check(case):
    """Do what a case says; "fitted", or "refused" where a ValueError named the cause.

    AssertionError and whatever else is raised tell of a fault in fastmix.
    """
    recipe = case.n, case.d, case.scale, case.offset
    X = made(case.kind, *recipe, case.dtype, case.seed)
    far = case.n, case.d, case.scale + case.query, case.offset
    query = made(case.kind, *far, case.query_dtype, case.seed + 1)
    weight = WEIGHTS[case.weight](np.random.RandomState(case.seed), case.n)
    model = getattr(fastmix, case.model)(**case.options)
    given = LAYOUTS[case.layout](X)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warnings.filterwarnings("error", "(overflow|invalid value|divide by zero) encountered")
        try:
            model.fit(given, sample_weight=weight)
        except ValueError as error:
            assert CAUSES.search(str(error)), f"an error that names no cause: {error}"
            assert not hasattr(model, "n_features_in_"), "a refused fit leaves something behind"
            outcome = "refused"
        else:
            outcome = "fitted"
            check_finite(model)
            (check_clusters if case.model in FAMILY else check_mixture)(model, given, query)
    for warning in told:
        text = (
            f"{warning.category.__name__}: {warning.message} ({warning.filename}:{warning.lineno})"
        )
        assert TELLING.search(str(warning.message)), text
    return outcome


def check_finite(model):
    for name, value in vars(model).items():
        public = name.endswith("_") and not name.startswith("_")
        if public and name not in ("fit_report_", "init_results_"):
            for each in value if isinstance(value, tuple) else (value,):
                numbers = np.asarray(each)
                if numbers.dtype.kind == "f":
                    assert not np.isnan(numbers).any(), f"{name} is NaN"
                    assert name in MAY_BE_INFINITE or np.isfinite(numbers).all(), f"{name} is inf"


def check_clusters(model, X, query):
    k = model.n_clusters
    assert model.inertia_ >= 0
    labels = model.predict(X)
    if hasattr(model, "labels_"):
        assert (labels == model.labels_).all(), "predict differs from labels_"
    distances = model.transform(X)
    assert not np.isnan(distances).any(), "distances are NaN"
    assert (distances >= 0).all(), "distances are negative"
    assert model.score(X) <= 0
    labels, distances = model.predict(query), model.transform(query)
    assert 0 <= labels.min() <= labels.max() < k
    assert not np.isnan(distances).any(), "distances of a query are NaN"


def check_mixture(model, X, query):
    k = model.n_components
    assert abs(model.weights_.sum() - 1) < 1e-5
    assert np.isfinite(model.lower_bound_) or model.max_iter == 0
    for rows in (X, query):
        labels, resp = model.predict(rows), model.predict_proba(rows)
        assert 0 <= labels.min() <= labels.max() < k
        assert np.isfinite(resp).all(), "probabilities are not finite"
        assert np.abs(resp.sum(axis=1) - 1).max() < 1e-5, "probabilities do not sum to 1"
        assert (labels == resp.argmax(axis=1)).all(), "predict differs from predict_proba"
        assert not np.isnan(model.score_samples(rows)).any(), "likelihoods are NaN"
        assert not np.isnan(model.score(rows))
