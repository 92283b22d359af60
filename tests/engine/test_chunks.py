"""Rows that are read in every pass give what rows in memory give."""

import numpy as np
import pytest

from fastmix.engine import chunked, chunks, hamerly, kmeans, lloyd, passes, rows, seeds
from fastmix.engine.algorithms import algorithm_of, named
from fastmix.engine.chunks import Chunk, Chunks, recut
from fastmix.engine.covariances import COVARIANCES
from fastmix.engine.likelihood import Likelihood
from fastmix.engine.scalable import Scalable
from fastmix.engine.shares import share_out
from fastmix.kernels.shards import FEWEST_SHARDS

N, D, K = 3001, 5, 6


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Parts of few rows, so that few rows make many blocks."""
    monkeypatch.setattr(rows, "PART_VALUES", 64 * D)
    monkeypatch.setattr(rows, "FEW", 0)  # a block has more values than are looked at by NumPy


@pytest.fixture
def X(rng, dtype):
    return (rng.normal(size=(N, D)) + 5 * rng.randint(0, 3, size=(N, D)) + 100).astype(dtype)


def chunks_of(X, sizes=(700, 1, 300), memory=1 << 14, weight=None):
    """X in chunks of these sizes, over and over."""

    def read(_):
        first, number = 0, 0
        while first < len(X):
            some = slice(first, first + sizes[number % len(sizes)])
            yield Chunk(X[some], None if weight is None else weight[some], f"chunk {number}")
            first, number = some.stop, number + 1

    found = Chunks(read, X.shape[1], X.dtype, memory)
    found.look(1)
    return found


def packed(X, weight=None):
    columns = rows.measure(X, 1)
    return rows.pack(X, rows.frame_of(X, columns, normalise=True), weight, 2, columns)


def pair(X, weight=None, **how):
    return packed(X, weight), packed(chunks_of(X, **how), weight)


@pytest.mark.parametrize("sizes", [[4], [3, 5, 2], [10], [1] * 10])
def test_blocks_hold_the_rows_in_order(sizes):
    X = np.arange(20).reshape(10, 2)
    for cuts in ([], [1], [3, 3, 7], [9]):
        blocks = list(recut(np.split(X, cuts), sizes * 10))
        assert np.array_equal(np.concatenate(blocks), X)
        assert [len(block) for block in blocks[:-1]] == (sizes * 10)[: len(blocks) - 1]


def test_rows_of_one_chunk_are_not_copied():
    X = np.zeros((10, 2))
    assert all(np.shares_memory(block, X) for block in recut([X], [4, 4, 4]))


def test_memory_bounds_the_blocks(X):
    row = D * X.itemsize
    for memory in (1 << 14, 1 << 16):
        found = chunks_of(X, memory=memory)
        largest = max(len(block) for block in found.blocks())
        assert largest == found.block_rows <= max(64, memory // (4 * row))
        assert largest % 64 == 0


def test_the_frame_has_the_same_bits(X, assert_same_bits):
    for sizes in ((1,), (997,), (N,)):
        found = chunks_of(X, sizes)
        assert_same_bits(found.columns, rows.measure(X, 2))
        assert found.shape == X.shape
    mine, his = pair(X)
    assert_same_bits(mine.frame, his.frame)
    assert mine.largest == his.largest
    assert rows.mean_variance(mine) == rows.mean_variance(his)


def test_rows_of_one_block_are_plain_rows(X, assert_same_bits):
    mine, his = pair(X, memory=1 << 22)
    assert type(his) is type(mine)
    assert_same_bits(mine.tiles, his.tiles)


@pytest.fixture(params=["lloyd", "hamerly", "hamerly, packed", "hamerly, gathered"])
def name(request, monkeypatch):
    """Of an algorithm, which packs the rows of a block or not, as some are in doubt or many."""
    name, _, how = request.param.partition(", ")
    if how:
        monkeypatch.setattr(hamerly, "IN_DOUBT", -1.0 if how == "packed" else 2.0)
        monkeypatch.setattr(hamerly, "RESTLESS", 2.0)  # no pass without bounds but the first
    return name


@pytest.mark.parametrize("weighted", [False, True])
def test_the_k_means_loop_gives_the_same_bits(X, rng, name, weighted, assert_same_bits):
    weight = rng.randint(0, 4, N) / 3.0 if weighted else None
    mine, his = pair(X, weight)
    assert isinstance(his, chunked.ChunkedRows)
    start = rows.take(mine, np.arange(K))
    one = kmeans.run(mine, start, named("lloyd"), 50, 0.0)
    other = kmeans.run(his, start, algorithm_of(his, name), 50, 0.0)
    for each in ("centers", "labels", "n_iter", "converged"):
        assert_same_bits(getattr(one, each), getattr(other, each), each)
    assert one.objective == pytest.approx(other.objective, rel=1e-14)
    assert one.history == pytest.approx(other.history, rel=1e-5)
    assert (max(other.skipped) > 0.5) == (name == "hamerly")


def test_empty_clusters_are_refilled_with_the_same_rows(X, name, assert_same_bits):
    mine, his = pair(X)
    start = rows.take(mine, np.arange(K))
    start[3:] = 1e6 if X.dtype == np.float64 else 1e4
    one = kmeans.run(mine, start, named("lloyd"), 5, 0.0)
    other = kmeans.run(his, start, algorithm_of(his, name), 5, 0.0)
    assert_same_bits(one.centers, other.centers)
    assert_same_bits(one.labels, other.labels)


def test_very_unequal_weights_are_added_up_to_rounding(X, rng, name):
    weight = 10.0 ** rng.randint(-12, 3, N)
    mine, his = pair(X, weight)
    start = rows.take(mine, np.arange(K))
    one = kmeans.run(mine, start, named("lloyd"), 3, 0.0)
    other = kmeans.run(his, start, algorithm_of(his, name), 3, 0.0)
    assert np.allclose(one.centers, other.centers, rtol=1e-6)


def test_bounds_are_kept_where_they_pay_and_fit(X, rng, monkeypatch):
    for memory, paying, chosen in (
        (1 << 14, 0, lloyd),
        (1 << 15, 99, lloyd),
        (1 << 15, 0, hamerly),
    ):
        monkeypatch.setattr(chunked, "PAYING_VALUES", paying)
        _, his = pair(X, memory=memory)
        assert isinstance(his, chunked.ChunkedRows)
        start = rows.take(his, np.arange(K))
        state = algorithm_of(his, "auto").start(his, start)
        assert state.algorithm is chosen
        assert ("memory=" in state.reason) == (memory == 1 << 14)
        assert algorithm_of(his, "auto").start(his, start, state).algorithm is chosen


def test_blocks_without_a_row_in_doubt_are_not_read(X):
    _, his = pair(X, memory=1 << 14)
    centers, algorithm = rows.take(his, np.arange(K)), algorithm_of(his, "hamerly")
    state = algorithm.start(his, centers)
    for _ in range(
        4
    ):  # twice without bounds, with them for the first time, and as nothing has moved
        algorithm.assign(his, centers, state)
        algorithm.move(state, centers, np.zeros(K))
    assert state.measured[-1] == 0


@pytest.mark.parametrize("n_shards", [4, 7, 30, 47])
@pytest.mark.parametrize("exact", [False, True])
def test_every_block_has_work_for_several_threads(X, n_shards, exact):
    his = packed(chunks_of(X, memory=1 << 16))
    n_tiles = len(packed(X).tiles)
    ends, X_again, slots = [0], [], []
    for part in rows.by_shards(his, np.arange(n_shards + 1) * n_tiles // n_shards, exact=exact):
        assert part.rows.n <= his.chunks.most_rows
        assert part.bounds[0] == 0
        assert part.bounds[-1] == len(part.rows.tiles) == part.tiles.stop - part.tiles.start
        if part.tiles.stop < n_tiles:
            assert np.count_nonzero(np.diff(part.bounds)) >= FEWEST_SHARDS
        assert len(part.bounds) - 1 == part.slots.stop - part.slots.start
        assert part.tiles.start == ends[-1]
        ends.append(part.tiles.stop)
        X_again.append(part.rows.X.copy())
        slots += range(part.slots.start, part.slots.stop)
    assert ends[-1] == n_tiles
    assert np.array_equal(np.concatenate(X_again), X)
    assert set(slots) == set(range(n_shards))


@pytest.fixture(params=[1 << 17, 1 << 10], ids=["blocks of shards", "shards of blocks"])
def memory(request, monkeypatch):
    """With much less memory than a shard needs, every block is shared out among all shards."""
    if request.param == 1 << 10:
        monkeypatch.setattr("fastmix.kernels.shards.MOST_SHARDS", 4)
    return request.param


def test_em_passes_add_up_to_the_same_totals(X, memory, covariance_type, assert_same_bits):
    covariance = COVARIANCES[covariance_type]
    labels = np.arange(N, dtype=np.int32) % K
    mine, his = pair(X, memory=memory)
    exact = memory > 1 << 10
    model = Likelihood(covariance, 1e-6)
    start = model.first(share_out(mine, K, labels, covariance))
    again = model.first(share_out(his, K, labels, covariance))
    one, other = (passes.expect(each, start, covariance) for each in (mine, his))
    if exact:
        assert_same_bits(start, again)
        assert_same_bits(one, other)
    else:
        rtol = 1e-10 if X.dtype == np.float64 else 1e-3
        assert np.allclose(start.means, again.means, rtol=rtol)
        for a, b in zip(one, other, strict=True):
            assert np.allclose(a, b, rtol=rtol, atol=rtol * np.abs(a).max())


def test_exact_seeds_are_those_of_rows_in_memory(X, assert_same_bits):
    mine, his = pair(X)
    drawn = [
        seeds.PlusPlus(each).draw(K, np.random.RandomState(3), n_starts=3) for each in (mine, his)
    ]
    assert_same_bits(*drawn)
    drawn = [seeds.Uniform(each).draw(K, np.random.RandomState(3), 2) for each in (mine, his)]
    assert_same_bits(*drawn)


@pytest.mark.parametrize("weighted", [False, True])
def test_seeds_of_few_passes_do_not_depend_on_the_chunks(X, rng, weighted, assert_same_bits):
    weight = rng.randint(0, 3, N).astype(np.float64) if weighted else None
    mine, his = pair(X, weight)
    one, other = (Scalable(each).draw(K, np.random.RandomState(5), 2) for each in (mine, his))
    assert_same_bits(one, other)
    assert one.shape == (2, K)
    assert len(np.unique(X[one[0]], axis=0)) == K
    if weighted:
        assert weight[one].all()


def test_seeds_of_few_passes_are_as_good_as_those_of_k_means_plus_plus(blobs):
    X = blobs(n=4000, d=D, k=20, gap=10.0).X
    mine = packed(X)

    def mean_objective(seeding):
        return np.mean(
            [
                kmeans.run(
                    mine,
                    rows.take(mine, seeding(mine).draw(20, np.random.RandomState(s))[0]),
                    named("lloyd"),
                    20,
                    0.0,
                ).objective
                for s in range(5)
            ]
        )

    assert mean_objective(Scalable) < 1.1 * mean_objective(seeds.PlusPlus)


def test_fewer_distinct_rows_than_seeds_end():
    X = np.repeat(np.arange(3.0)[:, None], 400, 0)
    drawn = Scalable(packed(X)).draw(5, np.random.RandomState(0))
    assert drawn.shape == (1, 5)
    assert set(X[drawn[0], 0]) == {0.0, 1.0, 2.0}


def test_all_distances_are_those_of_own_centers(X, assert_same_bits):
    mine, his = pair(X)
    start = rows.take(mine, np.arange(K))
    states = [lloyd.start(each, start) for each in (mine, his)]
    for each, state in zip((mine, his), states, strict=True):
        lloyd.assign(each, start, state)
    found = [lloyd.inspect(each, start, s) for each, s in zip((mine, his), states, strict=True)]
    assert_same_bits(found[0].sq_dist[:N], found[1].sq_dist[:N])


def test_replaced_rows_are_replaced_in_every_pass(X):
    absent = np.arange(N) % 7 == 3
    found = chunks_of(X).replaced(absent, 11, 1)
    assert found.shape == X.shape
    for _ in range(2):
        again = np.concatenate(list(found.blocks()))
        assert np.array_equal(again, np.where(absent[:, None], X[11], X))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_placed(X, value):
    X[1402, 3] = value
    what = "NaN" if np.isnan(value) else "infinity"
    with pytest.raises(
        ValueError, match=f"contains {what}: row 0 of chunk 6 .row 1402 of all., column 3"
    ):
        chunks_of(X, (350, 350, 1))


def test_sums_that_overflow_are_no_infinite_values():
    X = np.full((3000, D), 1e308)
    assert chunks_of(X).n == 3000


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="0 sample"):
        chunks_of(np.empty((0, D)))


def test_budget_is_documented():
    assert chunks.MEMORY == 268435456
