"""The drop-in contract: signatures, bases, tags, and scikit-learn's own estimator checks."""

import inspect
import re
import tomllib
from pathlib import Path

import pytest
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    DensityMixin,
    TransformerMixin,
)
from sklearn.cluster import BisectingKMeans as SklearnBisecting
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.cluster import MiniBatchKMeans as SklearnMiniBatch
from sklearn.mixture import BayesianGaussianMixture as SklearnBayesian
from sklearn.mixture import GaussianMixture as SklearnMixture
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastmix
from fastmix import (
    BayesianGaussianMixture,
    BisectingKMeans,
    GaussianMixture,
    KMeans,
    MiniBatchGaussianMixture,
    MiniBatchKMeans,
)
from fastmix._documentation import ADDRESS

FAMILY = {
    KMeans: SklearnKMeans,
    MiniBatchKMeans: SklearnMiniBatch,
    BisectingKMeans: SklearnBisecting,
}
MIXTURES = {GaussianMixture: SklearnMixture, BayesianGaussianMixture: SklearnBayesian}
PAIRS = [*FAMILY.items(), *MIXTURES.items()]
pairs = pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda cls: cls.__name__)

KMEANS = (
    "n_clusters=8, *, init='k-means++', n_init='auto', max_iter=300, tol=0.0001, verbose=0, "
    "random_state=None, copy_x=True, algorithm='auto', n_threads=None"
)
MINI_BATCH = (
    "n_clusters=8, *, init='k-means++', max_iter=100, batch_size=1024, verbose=0, "
    "compute_labels=True, random_state=None, tol=0.0, max_no_improvement=10, init_size=None, "
    "n_init='auto', reassignment_ratio=0.01, forgetting=0.0, n_threads=None"
)
BISECTING = (
    "n_clusters=8, *, init='random', n_init=1, random_state=None, max_iter=300, verbose=0, "
    "tol=0.0001, copy_x=True, algorithm='auto', bisecting_strategy='biggest_inertia', n_threads=None"
)
MIXTURE = (
    "n_components=1, *, covariance_type='full', tol=0.001, reg_covar=1e-06, max_iter=100, "
    "n_init=1, init_params='kmeans', weights_init=None, means_init=None, precisions_init=None, "
    "random_state=None, warm_start=False, verbose=0, verbose_interval=10, accelerate=None, "
    "on_collapse='raise', "
    "relative_reg_covar=False, n_threads=None"
)
BAYESIAN = (
    "*, n_components=1, covariance_type='full', tol=0.001, reg_covar=1e-06, max_iter=100, "
    "n_init=1, init_params='kmeans', weight_concentration_prior_type='dirichlet_process', "
    "weight_concentration_prior=None, mean_precision_prior=None, mean_prior=None, "
    "degrees_of_freedom_prior=None, covariance_prior=None, random_state=None, "
    "warm_start=False, verbose=0, verbose_interval=10, on_collapse='raise', "
    "relative_reg_covar=False, n_threads=None"
)

MINI_BATCH_MIXTURE = (
    "n_components=1, *, covariance_type='full', tol=0.001, reg_covar=1e-06, max_iter=100, "
    "batch_size=1024, learning_decay=0.6, forgetting=0.0, n_init=1, init_params='kmeans', "
    "init_size=None, weights_init=None, means_init=None, precisions_init=None, random_state=None, "
    "verbose=0, verbose_interval=1, on_collapse='raise', relative_reg_covar=False, n_threads=None"
)

WEIGHTS = ", sample_weight=None"
ADDED = {  # what mixtures take and scikit-learn's do not
    **dict.fromkeys(("fit", "fit_predict", "score", "bic", "aic"), WEIGHTS),
    "sample": ", random_state=None",
}


# --- signatures ------------------------------------------------------------------------------


def bare(function):
    """Signature of a function without annotations, as text."""
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    text = str(signature.replace(parameters=parameters, return_annotation=signature.empty))
    return text[1:-1]


@pytest.mark.parametrize(
    ("Estimator", "expected"),
    [
        (KMeans, KMEANS),
        (MiniBatchKMeans, MINI_BATCH),
        (BisectingKMeans, BISECTING),
        (GaussianMixture, MIXTURE),
        (BayesianGaussianMixture, BAYESIAN),
        (MiniBatchGaussianMixture, MINI_BATCH_MIXTURE),
    ],
)
def test_constructors_have_the_promised_signature(Estimator, expected):
    assert bare(Estimator) == expected


@pairs
def test_what_differs_from_the_constructor_of_scikit_learn(ours, theirs):
    mine = dict(inspect.signature(ours).parameters)
    his = dict(inspect.signature(theirs).parameters)
    own = {
        **{cls: ["n_threads"] for cls in FAMILY},
        MiniBatchKMeans: ["forgetting", "n_threads"],
        GaussianMixture: ["accelerate", "on_collapse", "relative_reg_covar", "n_threads"],
        BayesianGaussianMixture: ["on_collapse", "relative_reg_covar", "n_threads"],
    }[ours]
    assert list(mine)[-len(own) :] == own
    for name in own:
        assert mine.pop(name).kind is inspect.Parameter.KEYWORD_ONLY
    assert list(mine) == list(his)
    for name, parameter in mine.items():
        assert parameter.kind == his[name].kind, name
        expected = "auto" if name == "algorithm" else his[name].default
        assert parameter.default == expected, name


@pairs
def test_public_methods_have_the_signatures_of_scikit_learn(ours, theirs):
    names = [
        name
        for name, _ in inspect.getmembers(theirs, callable)
        if not name.startswith("_") and not name.endswith("_request")
    ]
    assert "fit_predict" in names
    for name in names:
        mine, his = bare(getattr(ours, name)), bare(getattr(theirs, name))
        added = ADDED.get(name, "") if issubclass(ours, DensityMixin) else ""
        assert mine == his + added, name


@pairs
def test_parameters_are_stored_as_given(ours, theirs):
    options = {name: object() for name in inspect.signature(ours).parameters}
    estimator = ours(**options)
    assert estimator.get_params(deep=False) == options
    assert vars(estimator) == options


# --- bases, tags, names ----------------------------------------------------------------------


def test_bases_stand_in_the_promised_order():
    family = [
        ClassNamePrefixFeaturesOutMixin,
        TransformerMixin,
        ClusterMixin,
        BaseEstimator,
    ]
    for Estimator in FAMILY:
        assert [base for base in Estimator.__mro__ if base in family] == family
    family = [DensityMixin, BaseEstimator]
    for mixture in (*MIXTURES, MiniBatchGaussianMixture):
        assert [base for base in mixture.__mro__ if base in family] == family


def test_tags_tell_the_truth():
    for Estimator in FAMILY:
        tags = get_tags(Estimator())
        assert tags.estimator_type == "clusterer"
        assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
        assert tags.input_tags.sparse
        assert not tags.input_tags.allow_nan
    for mixture in (*MIXTURES, MiniBatchGaussianMixture):
        tags = get_tags(mixture())
        assert tags.estimator_type == "density_estimator"
        assert not tags.input_tags.sparse
        assert not tags.input_tags.allow_nan


def test_public_names_are_declared():
    assert {cls.__name__ for cls, _ in PAIRS} | {"k_means", "kmeans_plusplus"} <= set(
        fastmix.__all__
    )
    assert isinstance(fastmix.__version__, str)
    for name in fastmix.__all__:
        assert hasattr(fastmix, name), name


def test_weights_can_be_routed_to_the_fit_of_kmeans():
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        km = KMeans(2).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        assert km.get_metadata_routing().fit.requests == {"sample_weight": True}
    with pytest.raises(RuntimeError, match="enable_metadata_routing"):
        KMeans(2).set_fit_request(sample_weight=True)


# --- scikit-learn's checks -------------------------------------------------------------------


def expected_failures(estimator):
    """The checks that scikit-learn expects its own class to fail."""
    theirs = FAMILY.get(type(estimator))
    if theirs is None:
        return {}
    try:
        from sklearn.utils._test_common.instance_generator import PER_ESTIMATOR_XFAIL_CHECKS
    except ImportError:
        why = "a weighted and a repeated fit consume the random stream differently"
        kinds = ("dense", "sparse")
        return {f"check_sample_weight_equivalence_on_{kind}_data": why for kind in kinds}
    return PER_ESTIMATOR_XFAIL_CHECKS.get(theirs, {})


@pairs
def test_two_checks_at_most_are_expected_to_fail(ours, theirs):
    """Those of weighted rows against repeated ones: the draws differ, in scikit-learn's classes, too."""
    known = {f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")}
    assert set(expected_failures(ours())) <= (known if ours in FAMILY else set())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [Estimator() for Estimator in (*FAMILY, *MIXTURES, MiniBatchGaussianMixture)],
    expected_failed_checks=expected_failures,
)
def test_scikit_learns_estimator_checks(estimator, check):
    assert check(estimator) is None


@pytest.mark.parametrize(
    "name", [n for n in fastmix.__all__ if inspect.isclass(getattr(fastmix, n))]
)
def test_html_leads_to_our_documentation(name):
    html = getattr(fastmix, name)()._repr_html_()
    links = set(
        re.findall(f'href="({ADDRESS}[^"#]*)', html)
    )  # of the class and, after #, its parameters
    assert links == {f"{ADDRESS}/reference/{name}.html"}
    page = Path(__file__).parents[1] / "docs" / "reference" / f"{name}.rst"
    assert f".. autoclass:: {name}\n" in page.read_text("utf-8")


def test_the_package_names_the_same_documentation():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["urls"]["Documentation"] == ADDRESS
