"""What all tests share: threads, hypothesis, the no-JIT run, data and the meaning of "the same bits"."""

import os
import sys
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

# Before numba is imported anywhere: seven threads must be able to run on a machine with two cores.
os.environ.setdefault("NUMBA_NUM_THREADS", "8")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # eight threads on two cores must not spin
os.environ["MPLBACKEND"] = "Agg"
sys.path.insert(0, str(Path(__file__).parent))  # `import naive` under every import mode

import socket
from typing import NamedTuple

import naive
import numpy as np
import pytest
import surroundings
from hypothesis import settings
from sklearn.datasets import load_iris

from fastmix.engine.algorithms import ALGORITHMS, SYNONYMS
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.report import FitReport

JIT_DISABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")

settings.register_profile(
    "fastmix",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=10 if JIT_DISABLED else 25,
)
settings.load_profile("fastmix")


def pytest_collection_modifyitems(items):
    if JIT_DISABLED:
        skip = pytest.mark.skip(reason="needs compiled kernels, but NUMBA_DISABLE_JIT is set")
        # An interpreted kernel is NumPy, which warns of the infinities a compiled one handles.
        quiet = pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
        for item in items:
            item.add_marker(quiet)
            if "compiled" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(autouse=True, scope="session")
def no_internet():
    """Refuse every connection that leaves this machine: all data of the tests is local."""
    connect = socket.socket.connect

    def local_only(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in (
            "127.0.0.1",
            "::1",
            "localhost",
        ):
            raise OSError(f"tests must not use the internet, but one connects to {address}")
        return connect(self, address)

    socket.socket.connect = local_only
    yield
    socket.socket.connect = connect


# --- parameters ----------------------------------------------------------------------------------


@pytest.fixture(params=COVARIANCES, scope="session")
def covariance_type(request):
    return request.param


@pytest.fixture
def in_sklearn(covariance_type):
    """Tests that compare with scikit-learn are of its covariance types."""
    if COVARIANCES[covariance_type].untied:
        pytest.skip(f"scikit-learn has no {covariance_type}")


@pytest.fixture(params=["float64", "float32"], scope="session")
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=[*ALGORITHMS, *SYNONYMS], scope="session")
def algorithm(request):
    return request.param


@pytest.fixture(params=["KMeans", *COVARIANCES], scope="session")
def make(request):
    """Maker of KMeans, or of a mixture of one covariance type, with k clusters and options."""
    from fastmix import GaussianMixture, KMeans

    def maker(k=3, **options):
        options = {"random_state": 0} | options
        if request.param == "KMeans":
            return KMeans(k, **options)
        return GaussianMixture(k, covariance_type=request.param, **options)

    return maker


# --- processes -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    """A cache that holds the kernels of a k-means and a mixture, and the digest of their bits."""
    return surroundings.warm(surroundings.common(tmp_path_factory))


@pytest.fixture(params=["omp", "workqueue", "tbb"], scope="session")
def layer(request):
    """A threading layer that Numba can load here."""
    reason = surroundings.why_not(request.param)
    if reason:
        pytest.skip(f"Numba cannot load the {request.param} layer: {reason}")
    return request.param


@pytest.fixture
def forks():
    """Only where a process can be forked and live."""
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork on this system")
    if sys.platform == "darwin":
        pytest.skip("the libraries of macOS do not survive a fork without exec")


# --- data ----------------------------------------------------------------------------------------


class Blobs(NamedTuple):
    """Rows around k centers of a grid, dealt to them in turn."""

    X: np.ndarray  # (n, d)
    truth: np.ndarray  # (n,)
    start: np.ndarray  # (k, d) a place near the center of every blob


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@pytest.fixture(scope="session")
def iris():
    return load_iris().data


@pytest.fixture(scope="session")
def blobs():
    """Maker of unit blobs; at gap=10 no row is in doubt, at gap=2 many are."""

    def make(n=120, d=2, k=3, gap=10.0, seed=0, dtype="float64"):
        random = np.random.RandomState(seed)
        corners = random.permutation(4**d)[:k] if 4**d >= k else np.arange(k)
        grid = np.array([(corners // 4**j) % 4 if j < d - 1 else corners // 4**j for j in range(d)])
        centers = gap * grid.T.astype(np.float64)
        truth = np.arange(n) % k
        X = (centers[truth] + random.normal(size=(n, d))).astype(dtype)
        return Blobs(X, truth, (centers + random.uniform(-0.5, 0.5, (k, d))).astype(dtype))

    return make


@pytest.fixture(scope="session")
def mixture_start():
    """Maker of the three *_init parameters of GaussianMixture from a partition or responsibilities."""

    def make(X, resp, covariance_type):
        resp = naive.one_hot(resp, resp.max() + 1) if resp.ndim == 1 else resp
        weights, means, covariances = naive.m_step(X.astype(np.float64), resp, covariance_type)
        return {
            "weights_init": weights.astype(X.dtype),
            "means_init": means.astype(X.dtype),
            "precisions_init": naive.precisions(covariances, covariance_type).astype(X.dtype),
        }

    return make


# --- sameness ------------------------------------------------------------------------------------


def _difference(a, b, where):
    """Path of the first difference between two values, or None: arrays and numbers to the last bit."""
    if type(a) is not type(b):
        return f"{where}: {type(a).__name__} is not {type(b).__name__}"
    if isinstance(a, np.ndarray) and a.dtype != object:
        same = a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        return None if same else f"{where}: {a!r} is not {b!r}"
    if isinstance(a, FitReport):  # no two fits take the same time
        return None
    if isinstance(a, np.random.RandomState):
        return _difference(a.get_state(), b.get_state(), where)
    if isinstance(a, dict):
        if a.keys() != b.keys():
            return f"{where}: only one side has {set(a) ^ set(b)}"
        pairs = [(a[key], b[key], f"{where}.{key}") for key in a]
    elif isinstance(a, (list, tuple)):
        if len(a) != len(b):
            return f"{where}: lengths {len(a)} and {len(b)}"
        pairs = [(x, y, f"{where}[{i}]") for i, (x, y) in enumerate(zip(a, b, strict=True))]
    elif isinstance(a, (float, np.floating)):
        return (
            None if np.array(a).tobytes() == np.array(b).tobytes() else f"{where}: {a} is not {b}"
        )
    elif type(a).__eq__ is object.__eq__ and hasattr(a, "__dict__"):
        pairs = [] if a is b else [(vars(a), vars(b), where)]
    else:
        same = a is b or bool(np.all(a == b))
        return None if same else f"{where}: {a!r} is not {b!r}"
    return next((found for pair in pairs if (found := _difference(*pair))), None)


@pytest.fixture(scope="session")
def assert_same_bits():
    """Assertion that two values (arrays, numbers, containers of them) agree to the last bit."""

    def check(a, b, what="value"):
        found = _difference(a, b, what)
        assert found is None, found

    return check


@pytest.fixture(scope="session")
def fitted():
    """Fitted attributes of an estimator, as a dict."""

    def of(estimator):
        return {name: value for name, value in vars(estimator).items() if name.endswith("_")}

    return of


@pytest.fixture(scope="session")
def assert_same_fit(assert_same_bits, fitted):
    """Assertion that all fitted attributes of two estimators agree to the last bit."""

    def check(a, b):
        assert fitted(a), "the first estimator is not fitted"
        assert_same_bits(fitted(a), fitted(b), "fitted")

    return check


@pytest.fixture(scope="session")
def unchanged(assert_same_bits):
    """Context in which estimators, arrays and containers of them must stay as they are."""

    def state(values):
        return [vars(value) if hasattr(value, "get_params") else value for value in values]

    @contextmanager
    def guard(*values):
        before = deepcopy(state(values))
        yield
        assert_same_bits(state(values), before, "guarded")

    return guard


@pytest.fixture
def near_the_plane(rng):
    """Maker of rows (n, d) about equally far from two centers (2, d) in a dtype, to some share of their distance."""

    def make(n, d, share, dtype=np.float64, far=0.0):
        one, two = far + rng.normal(size=(2, d))
        along, middle = two - one, (one + two) / 2
        X = middle + rng.normal(size=(n, d))
        X -= ((X - middle) @ along / (along @ along))[:, None] * along
        X += share * rng.normal(size=(n, 1)) * along
        return X.astype(dtype), np.stack([one, two]).astype(dtype)

    return make
