"""KMeans: cases worked by hand, the kinds of start, and what a fit leaves behind."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from fastmix import BisectingKMeans, KMeans, MiniBatchKMeans

FOUR_POINTS = np.array([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0]])
CORNERS = FOUR_POINTS[[0, 2]]


# --- by hand ---------------------------------------------------------------------------------


def test_four_points_by_hand(algorithm):
    km = KMeans(2, init=CORNERS, algorithm=algorithm).fit(FOUR_POINTS)
    assert_array_equal(km.labels_, [0, 0, 1, 1])
    assert_array_equal(km.cluster_centers_, [[0.0, 1.0], [10.0, 1.0]])
    assert km.inertia_ == 4.0
    assert km.n_iter_ == 2
    assert_array_equal(km.inertia_history_, [8.0, 4.0])
    assert km.score(FOUR_POINTS) == -4.0


def test_four_weighted_points_by_hand(algorithm):
    km = KMeans(2, init=CORNERS, algorithm=algorithm)
    km.fit(FOUR_POINTS, sample_weight=[1, 3, 1, 1])
    assert_array_equal(km.labels_, [0, 0, 1, 1])
    assert_array_equal(km.cluster_centers_, [[0.0, 1.5], [10.0, 1.0]])
    assert km.inertia_ == 1 * 2.25 + 3 * 0.25 + 1 + 1
    assert km.score(FOUR_POINTS, sample_weight=[4, 0, 0, 0]) == -9.0


def test_a_row_between_two_centers_goes_to_the_lower_index(algorithm):
    km = KMeans(2, init=CORNERS, algorithm=algorithm).fit(FOUR_POINTS)
    assert_array_equal(km.predict([[5.0, 1.0], [5.0, 9.0], [5.5, 1.0]]), [0, 0, 1])


def test_transform_is_the_distance_by_hand():
    km = KMeans(2, init=CORNERS).fit(FOUR_POINTS)
    assert_allclose(km.transform([[3.0, 5.0]]), [[5.0, np.hypot(7, 4)]], rtol=1e-15)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("Estimator", [KMeans, MiniBatchKMeans, BisectingKMeans])
def test_a_center_is_at_distance_zero_from_itself(Estimator, offset, dtype, rng):
    """Its coordinates are rounded; the centers that predict is for are not."""
    X = (rng.normal(size=(300, 2)) + offset).astype(dtype)
    model = Estimator(5, random_state=0).fit(X)
    between = model.transform(model.cluster_centers_)
    assert_array_equal(between.diagonal(), 0)
    assert (between > 0).sum() == 20
    nearest = np.square(X[:, None].astype(float) - model.cluster_centers_).sum(2).min(1)
    tolerance = 4 * np.finfo(dtype).eps * (offset + 1)
    assert_allclose(model.transform(X).min(1), np.sqrt(nearest), rtol=1e-6, atol=tolerance)


def test_an_empty_cluster_takes_the_farthest_row_by_hand(algorithm):
    X = np.array([[0.0], [1.0], [10.0], [14.0]])
    km = KMeans(2, init=[[0.0], [100.0]], algorithm=algorithm).fit(X)
    assert_array_equal(km.labels_, [0, 0, 1, 1])  # by way of {0, 1, 10} and {14}
    assert_array_equal(km.cluster_centers_, [[0.5], [12.0]])
    assert km.inertia_ == 8.5
    assert km.n_iter_ == 3


def test_two_empty_clusters_take_the_two_farthest_rows(algorithm):
    X = np.array([[0.0], [1.0], [10.0], [14.0]])
    km = KMeans(3, init=[[0.0], [100.0], [200.0]], max_iter=1, algorithm=algorithm).fit(X)
    assert_array_equal(np.sort(km.cluster_centers_, axis=0), [[0.5], [10.0], [14.0]])


def test_a_stop_by_max_iter_leaves_labels_of_the_last_centers(algorithm):
    X = np.array([[0.0], [2.5], [4.0], [11.5]])
    km = KMeans(2, init=[[0.0], [4.0]], max_iter=1, algorithm=algorithm).fit(X)
    assert_array_equal(km.cluster_centers_, [[0.0], [6.0]])  # the means of the first labels
    assert_array_equal(km.labels_, [0, 0, 1, 1])  # 2.5 has changed sides since
    assert km.inertia_ == 2.5**2 + 2**2 + 5.5**2
    assert_array_equal(km.predict(X), km.labels_)


def test_an_empty_cluster_without_a_far_row_sits_on_the_heaviest_mean(algorithm):
    X = np.repeat([[0.0, 0.0], [5.0, 5.0]], [2, 10], axis=0)
    km = KMeans(3, init=[[0.0, 0.0], [0.0, 0.0], [5.0, 5.0]], algorithm=algorithm)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(2\) found smaller"):
        km.fit(X)
    assert_allclose(km.cluster_centers_, [[0, 0], [5, 5], [5, 5]], atol=1e-14)
    assert km.inertia_ == pytest.approx(0, abs=1e-25)


def test_one_cluster_is_the_mean_and_its_inertia_the_variance(rng, algorithm):
    X = rng.normal(size=(50, 3))
    km = KMeans(1, algorithm="auto" if algorithm == "elkan" else algorithm).fit(X)
    assert_allclose(km.cluster_centers_, [X.mean(axis=0)], atol=1e-14)
    assert km.inertia_ == pytest.approx(50 * X.var(axis=0).sum(), rel=1e-12)


def test_as_many_clusters_as_rows_have_no_inertia(rng, algorithm):
    X = rng.normal(size=(7, 2))
    km = KMeans(7, random_state=0, algorithm=algorithm).fit(X)
    assert km.inertia_ == 0.0
    assert km.n_iter_ == 1
    assert_array_equal(np.sort(km.labels_), np.arange(7))


# --- starts and inits ------------------------------------------------------------------------


def test_a_callable_gets_centred_rows_and_answers_in_their_frame(blobs):
    X, _, start = blobs(n=60, d=2, k=3)
    calls = []

    def init(rows, k, random_state):
        calls.append((rows.mean(axis=0), k, type(random_state)))
        return start - X.mean(axis=0)

    got = KMeans(3, init=init, n_init=1, random_state=0).fit(X)
    assert_allclose(calls[0][0], 0, atol=1e-12)
    assert calls[0][1:] == (3, np.random.RandomState)
    expected = KMeans(3, init=start).fit(X)
    assert_array_equal(got.labels_, expected.labels_)
    assert_allclose(got.cluster_centers_, expected.cluster_centers_, rtol=1e-12)
    assert got.n_iter_ == expected.n_iter_


@pytest.mark.parametrize(
    ("init", "expected"),
    [("k-means++", 1), ("random", 10), (lambda rows, k, random_state: rows[:k], 10)],
    ids=["k-means++", "random", "callable"],
)
def test_n_init_auto_depends_on_init(blobs, init, expected):
    km = KMeans(3, init=init, random_state=0).fit(blobs(n=45).X)
    assert len(km.init_results_) == km._n_init == expected


def test_n_init_auto_is_one_for_given_centers(blobs):
    X, _, start = blobs(n=45)
    km = KMeans(3, init=start).fit(X)
    assert len(km.init_results_) == km._n_init == 1


def test_init_centers_of_any_kind_are_accepted(blobs, assert_same_fit):
    X, _, start = blobs(n=45)
    expected = KMeans(3, init=start).fit(X)
    assert_same_fit(expected, KMeans(3, init=start.tolist()).fit(X))
    assert_same_fit(expected, KMeans(3, init=np.asfortranarray(start)).fit(X))


def test_numpy_strings_name_an_init(blobs, assert_same_fit):
    X = blobs(n=45).X
    options = {"n_init": 2, "random_state": 0}
    expected = KMeans(3, init="random", **options).fit(X)
    assert_same_fit(expected, KMeans(3, init=np.str_("random"), **options).fit(X))


# --- what a fit leaves behind ----------------------------------------------------------------


def test_attributes_have_the_promised_types_and_shapes(blobs, dtype):
    X = blobs(n=60, d=4, k=3, dtype=dtype).X
    km = KMeans(3, random_state=0).fit(X)
    assert km.cluster_centers_.shape == (3, 4)
    assert km.cluster_centers_.dtype == dtype
    assert km.cluster_centers_.flags.c_contiguous
    assert km.labels_.shape == (60,)
    assert km.labels_.dtype == np.int32
    assert type(km.inertia_) is float
    assert type(km.n_iter_) is int
    assert km.n_features_in_ == 4
    assert not hasattr(km, "feature_names_in_")


@pytest.mark.parametrize("kind", ["float16", "int32", "int8", "uint8", "bool", ">f8", "longdouble"])
def test_other_dtypes_are_computed_in_float64(blobs, kind, assert_same_fit):
    X = (
        blobs(n=60, k=3, gap=4.0).X.round().clip(0, 100) % 2 ** (1 if kind == "bool" else 6)
    ).astype(kind)
    km = KMeans(2, random_state=0).fit(X)
    assert km.cluster_centers_.dtype == np.float64
    assert_same_fit(km, KMeans(2, random_state=0).fit(X.astype(np.float64)))
    assert_array_equal(km.predict(X), km.labels_)


def test_results_have_the_promised_types(blobs, dtype):
    X = blobs(n=60, d=2, k=3, dtype=dtype).X
    km = KMeans(3, random_state=0).fit(X)
    assert km.predict(X).dtype == np.int32
    assert km.fit_predict(X).dtype == np.int32
    assert km.transform(X).dtype == dtype
    assert km.transform(X).shape == (60, 3)
    assert km.transform(X.astype(np.float64)).dtype == np.float64
    assert type(km.score(X)) is float


def test_fit_predict_and_fit_transform_are_fit_then_the_method(blobs, assert_same_bits):
    X = blobs(n=60).X
    km = KMeans(3, random_state=0).fit(X)
    assert_same_bits(KMeans(3, random_state=0).fit_predict(X), km.labels_)
    assert_same_bits(KMeans(3, random_state=0).fit_transform(X), km.transform(X))


def test_y_is_ignored(blobs, assert_same_fit):
    X = blobs(n=60).X
    km = KMeans(3, random_state=0)
    assert_same_fit(km.fit(X), KMeans(3, random_state=0).fit(X, y="anything"))
    assert km.score(X, y="anything") == km.score(X)


def test_score_is_minus_the_inertia(blobs):
    X = blobs(n=60).X
    km = KMeans(3, random_state=0).fit(X)
    assert km.score(X) == pytest.approx(-km.inertia_, rel=1e-12)


def test_names_of_the_output_columns():
    km = KMeans(2, init=CORNERS).fit(FOUR_POINTS)
    assert_array_equal(km.get_feature_names_out(), ["kmeans0", "kmeans1"])
    assert_array_equal(km.get_feature_names_out(["a", "b"]), ["kmeans0", "kmeans1"])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output_gives_a_frame(library):
    km = KMeans(2, init=CORNERS).set_output(transform=library).fit(FOUR_POINTS)
    frame = km.transform(FOUR_POINTS)
    assert type(frame).__module__.startswith(library)
    assert list(frame.columns) == ["kmeans0", "kmeans1"]
    assert_array_equal(frame.to_numpy(), km.set_output(transform="default").transform(FOUR_POINTS))


def test_a_pandas_frame_keeps_its_index_and_names_the_features(blobs):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(blobs(n=30).X, columns=["a", "b"], index=range(100, 130))
    km = KMeans(3, random_state=0).set_output(transform="pandas").fit(frame)
    assert_array_equal(km.feature_names_in_, ["a", "b"])
    assert_array_equal(km.transform(frame).index, frame.index)


def test_a_refit_leaves_nothing_of_the_first_fit(blobs, assert_same_fit):
    pandas = pytest.importorskip("pandas")
    first = pandas.DataFrame(blobs(n=50, d=4, dtype="float32").X, columns=list("abcd"))
    second = blobs(n=40, d=2).X
    km = KMeans(3, random_state=0).fit(first)
    assert_same_fit(km.fit(second), KMeans(3, random_state=0).fit(second))
