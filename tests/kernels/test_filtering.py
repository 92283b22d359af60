"""Boxes of rows: no center that is nearest to a row of a box is ever left out."""

import itertools

import naive
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmix.engine import filtering, sums
from fastmix.engine.filtering import margin_of
from fastmix.engine.kmeans import means
from fastmix.engine.results import Frame
from fastmix.engine.rows import pack
from fastmix.kernels.filtering import all_are, box_tiles, choose, find_cells, members, scratch
from fastmix.kernels.simd_boxes import BOXES
from fastmix.kernels.tiles import tile_rows

EPS = np.finfo(np.float64).eps


def choice(boxes, centers, dtype=np.float64):
    """What `choose` finds for boxes (BOXES, 2, d)."""
    low, high = (np.ascontiguousarray(edge.T) for edge in boxes.swapaxes(0, 1))
    found = scratch(*centers.shape)
    several = choose(low, high, centers.astype(np.float64), margin_of(len(low), dtype), found)
    return found, several


def chosen(box, centers, dtype=np.float64):
    """The centers that `choose` keeps for one box (2, d), wherever it stands among others."""
    far_off = box + 1e3 * (1 + np.arange(BOXES))[:, None, None]
    kept = set()
    for b in range(0, BOXES, 7):
        boxes = far_off.copy()
        boxes[b] = box
        found, several = choice(boxes, centers, dtype)
        left = np.full(len(centers), -1)
        m = members(found.masks, len(centers), b, left)
        assert (several >> np.uint32(b)) & 1 == (m > 1)
        assert found.own[b] in left[:m]
        kept.add(tuple(left[:m]))
    (kept,) = kept
    return kept


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
def test_nobody_nearest_to_a_point_of_the_box_is_left_out(rng, d, spread):
    for _ in range(3):
        boxes = np.sort(rng.normal(size=(BOXES, 2, d)), axis=1) + 3 * rng.normal(size=(BOXES, 1, d))
        centers = boxes.mean((0, 1)) + spread * rng.normal(size=(12, d))
        found, several = choice(boxes, centers)
        for b, box in enumerate(boxes):
            inside = box[0] + (box[1] - box[0]) * rng.uniform(size=(200, d))
            corners = np.array(list(itertools.product(*box.T)))
            labels, _, _ = naive.nearest(np.concatenate([inside, corners]), centers)
            kept = np.flatnonzero(found.masks >> np.uint32(b) & 1)
            assert set(labels) <= set(kept)
            assert found.own[b] in kept
            assert bool(several >> np.uint32(b) & 1) == (len(kept) > 1)
            if len(kept) == 1:
                assert found.own[b] == labels[0]


def test_equally_near_centers_all_stay(dtype):
    """Integers are measured exactly: whoever ties for a corner is still to be asked."""
    box = np.array([[0.0, 0.0], [2.0, 2.0]])
    centers = np.array([[1, 1], [3, 3], [1, 3], [4, 4], [1, 1], [9, 0]], dtype)
    assert_array_equal(chosen(box, centers, dtype), [0, 1, 2, 4])


def test_far_centers_are_left_out(rng):
    box = np.array([[-1.0, -1.0], [1.0, 1.0]])
    centers = np.array([[0.0, 0.0], [50.0, 0.0], [0.5, 0.5], [0.0, -70.0]])
    assert_array_equal(chosen(box, centers), [0, 2])
    assert_array_equal(chosen(box, centers[[1, 3]]), [0])  # the nearer of the two


def test_a_difference_below_rounding_leaves_nobody_out():
    box = np.ones((2, 1))
    centers = np.array([[0.0], [2.0 + 4 * EPS]])  # computed distances of the row 1 may tie
    assert_array_equal(chosen(box, centers), [0, 1])


def test_members_are_the_masks_with_the_bit(rng, guarded):
    masks = rng.randint(0, 1 << 32, 20, np.uint32)
    for b in (0, 1, 17, 31):
        for m in (1, 7, 20):
            found = guarded(np.full(m, -1))
            size = members(guarded(masks), m, b, found)
            assert_array_equal(found[:size], np.flatnonzero(masks[:m] >> np.uint32(b) & 1))


def test_all_are():
    assert all_are(np.array([3, 3, 3], np.int32), 3)
    assert not all_are(np.array([3, 3, 2], np.int32), 3)
    assert not all_are(np.array([-1], np.int32), 3)


@pytest.mark.parametrize(("whole", "beyond"), [(0, 1), (2, 11), (BOXES, 0), (BOXES + 1, 3)])
def test_boxes_hold_their_rows_and_no_padding(rng, dtype, in_tiles, guarded, whole, beyond):
    R = tile_rows(dtype)
    X = (5 + rng.normal(size=(whole * R + beyond, 3))).astype(dtype)
    tiles = guarded(in_tiles(X))
    n_groups = -(-len(tiles) // BOXES)
    boxes = guarded(np.full((n_groups, 2, 3, BOXES), np.nan))
    hulls = guarded(np.full((n_groups, 2, 3), np.nan))
    box_tiles.block(0, 0, n_groups, tiles, len(X), boxes, hulls)
    for place in range(n_groups * BOXES):
        t = min(place, len(tiles) - 1)  # where there are no more tiles, the last one again
        some = X[t * R : (t + 1) * R]
        group, b = divmod(place, BOXES)
        assert_array_equal(boxes[group, :, :, b], [some.min(0), some.max(0)])
    for group in range(n_groups):
        some = X[group * BOXES * R : (group + 1) * BOXES * R]
        assert_array_equal(hulls[group], [some.min(0), some.max(0)])


def test_boxes_of_one_shard_leave_the_other_groups_alone(rng, dtype, in_tiles):
    X = rng.normal(size=(2 * BOXES * tile_rows(dtype) + 1, 1)).astype(dtype)
    boxes, hulls = np.full((3, 2, 1, BOXES), np.nan), np.full((3, 2, 1), np.nan)
    box_tiles.block(1, 1, 2, in_tiles(X), len(X), boxes, hulls)
    assert not np.isnan(boxes[1]).any()
    assert not np.isnan(hulls[1]).any()
    assert np.isnan(boxes[[0, 2]]).all()
    assert np.isnan(hulls[[0, 2]]).all()


@pytest.mark.parametrize(("d", "bits"), [(1, 5), (2, 3), (3, 2), (5, 0)])
def test_cells_interleave_the_bits_of_the_places(rng, dtype, in_tiles, guarded, d, bits):
    X = rng.uniform(-1, 9, (70, d)).astype(dtype)  # some lie beyond the grid from 0 to 8
    tiles, keys = guarded(in_tiles(X)), guarded(np.full(70, -1))
    scale = np.full(d, 2.0**bits / 8)
    find_cells.block(0, 0, len(tiles), tiles, 70, np.zeros(d), scale, bits, 7, keys)
    assert_array_equal(keys % 2**7, np.arange(70))
    place = np.clip(np.floor(X * scale), 0, 2**bits - 1).astype(int)
    for row, cell in zip(place, keys >> 7, strict=True):
        text = [f"{p:0{bits}b}" for p in row[::-1]] if bits else []
        assert cell == int("".join("".join(column) for column in zip(*text, strict=True)) or "0", 2)


def cross(rng, n):
    """Two bars, whose boxes overlap most where they meet."""
    X = rng.normal(size=(n, 2))
    X[::2] *= [9.0, 0.1]
    X[1::2] *= [0.1, 9.0]
    return X


DATA = {
    "blobs": lambda rng, n: 9 * rng.randint(4, size=(n, 2)) + rng.normal(size=(n, 2)),
    "a cross": cross,
    "a grid with ties": lambda rng, n: rng.randint(-9, 10, (n, 2)).astype(float),
    "one far row": lambda rng, n: np.vstack([rng.normal(size=(n - 1, 2)), [[1e6, -1e6]]]),
    "equal rows": lambda rng, n: np.ones((n, 2)),
    "one feature": lambda rng, n: rng.normal(size=(n, 1)),
    "many features": lambda rng, n: rng.normal(size=(n, 30)),
}


@pytest.fixture(params=["as many shards as ever", "one shard"])
def shards(request, monkeypatch):
    """Few rows are a group of tiles to every shard; many, or one shard, are regions of groups."""
    if request.param == "one shard":
        monkeypatch.setattr(sums, "shard_bounds", lambda n, work, slot_bytes=0: np.array([0, n]))


def assert_labels_stay_right(X, weight, k, rng, passes):
    """After every pass of filtering, from rows of X."""
    n, d = X.shape
    rows = pack(X, Frame(np.zeros(d, X.dtype), 0), weight, 2)
    centers = X[rng.choice(n, k, replace=False)].copy()
    state = filtering.start(rows, centers)
    assert_array_equal(np.sort(state.order), np.arange(n))
    for _ in range(passes):
        totals = filtering.assign(rows, centers, state)
        expected, _, _ = naive.nearest(X[state.order], centers)
        assert_array_equal(state.labels[:n], expected)
        assert_array_equal(state.labels[n:], -1)
        assert set(state.only) <= {-1, *expected}
        R = tile_rows(X.dtype)
        for t in np.flatnonzero(state.only >= 0):
            assert_array_equal(expected[t * R : (t + 1) * R], state.only[t])
        centers = means(totals, centers)


@pytest.mark.usefixtures("shards")
@pytest.mark.parametrize("make", DATA.values(), ids=DATA)
def test_labels_are_right_after_every_pass(rng, dtype, make):
    X = make(rng, 3000).astype(dtype)
    assert_labels_stay_right(X, rng.uniform(0, 2, 3000), 9, rng, passes=6)


@pytest.mark.usefixtures("shards")
@pytest.mark.parametrize("n", [1, 32, 33, 64, 1025])
def test_labels_of_few_rows_are_right_after_every_pass(rng, dtype, n):
    X = rng.normal(size=(n, 2)).astype(dtype)
    assert_labels_stay_right(X, None, min(n, 40), rng, passes=6)


@pytest.mark.compiled
@pytest.mark.usefixtures("shards")
def test_labels_are_right_where_there_are_several_regions(rng):
    n = BOXES * BOXES * tile_rows(np.float64) + 77
    X = cross(rng, n)
    X[: n // 2] += [30, 0]  # most groups are all of one label
    assert_labels_stay_right(X, None, 3, rng, passes=4)


def test_few_distances_are_measured_among_few_features(rng):
    X = 9 * rng.randint(5, size=(20_000, 2)) + rng.normal(size=(20_000, 2))
    rows = pack(X, Frame(np.zeros(2), 0), None, 2)
    corners = 9.0 * np.array(list(itertools.product(range(5), repeat=2)))
    state = filtering.start(rows, corners)
    for _ in range(2):
        filtering.assign(rows, corners, state)
    assert max(state.measured) < 0.05 * 20_000 * len(corners)


def test_rows_that_keep_their_label_have_not_changed():
    """A tile whose box left two centers, though its rows had but one, and leaves this one now."""
    line = np.linspace(0, 1 / 3, 32)[:, None] * np.ones(2)
    rows = pack(np.vstack([line, 10 + line]), Frame(np.zeros(2), 0), None, 1)
    centers = np.array([[0.16, 0.16], [10.16, 10.16], [0.45, -0.12]])
    state = filtering.start(rows, centers)
    assert filtering.assign(rows, centers, state).changed == 64
    assert filtering.assign(rows, np.vstack([centers[:2], [[5.0, -5.0]]]), state).changed == 0


def test_a_feature_that_hardly_varies_does_not_count_for_the_order(rng):
    X = np.column_stack([rng.normal(size=300), 1e-310 * rng.randint(2, size=300)])
    got = filtering.order_of_rows(pack(X, Frame(np.zeros(2), 0), None, 1))
    assert_array_equal(np.sort(got), np.arange(300))
    assert np.ptp(X[got[:30], 0]) < 0.5 * np.ptp(X[:, 0])
