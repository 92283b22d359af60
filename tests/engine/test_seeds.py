"""Every seeding: which rows may become centers, how often, and from which random numbers."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import RandomState
from numpy.testing import assert_allclose, assert_array_equal

from fastmix.engine import seeds
from fastmix.engine.results import Frame
from fastmix.engine.rows import pack
from fastmix.engine.seeds import SEEDINGS, ByteSeeding, PlusPlus, TileSeeding, Uniform, Urn

pytestmark = pytest.mark.usefixtures("few")


@pytest.fixture(params=SEEDINGS)
def seeding(request):
    return SEEDINGS[request.param]


class Extreme(RandomState):
    """Draws a given number instead of random ones from [0, 1)."""

    def __init__(self, value):
        super().__init__(0)
        self.value = value

    def uniform(self, size):
        return np.full(size, self.value)


# --- all seedings ----------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 5), (33, 4), (100, 11)])
def test_seeds_are_distinct_rows_with_weight(seeding, rng, packed, dtype, n, k):
    X = rng.normal(size=(n, 2)).astype(dtype)
    weight = rng.uniform(size=n)
    weight[rng.permutation(n)[: (n - k) // 2]] = 0.0
    for seed in range(10):
        got = seeding(packed(X, weight)).draw(k, RandomState(seed))[0]
        assert got.shape == (k,)
        assert got.dtype.kind == "i"
        assert len(set(got)) == k
        assert np.all(weight[got] > 0)


def test_the_same_seed_gives_the_same_rows(seeding, rng, packed, dtype):
    rows = packed(rng.normal(size=(50, 2)).astype(dtype))
    assert_array_equal(seeding(rows).draw(4, RandomState(3)), seeding(rows).draw(4, RandomState(3)))
    draws = {tuple(seeding(rows).draw(4, RandomState(seed))[0]) for seed in range(9)}
    assert len(draws) > 1


def test_the_first_seed_is_drawn_in_proportion_to_its_weight(seeding, packed):
    weight, draws = np.array([0.0, 1.0, 2.0, 5.0]), 400
    rows, random = packed(np.arange(4.0)[:, None], weight), RandomState(0)
    counts = np.zeros(4)
    for _ in range(draws):
        counts[seeding(rows).draw(1, random)[0, 0]] += 1
    share = weight / weight.sum()
    # four standard deviations of a binomial
    assert np.all(np.abs(counts - draws * share) <= 4 * np.sqrt(draws * share * (1 - share)))
    assert counts[0] == 0


def test_a_power_of_two_of_all_weights_changes_nothing(seeding, rng, packed):
    X, weight = rng.normal(size=(60, 3)), rng.uniform(size=60)
    for scale in (2.0**-700, 2.0**700):
        got = seeding(packed(X, scale * weight)).draw(5, RandomState(1))
        assert_array_equal(got, seeding(packed(X, weight)).draw(5, RandomState(1)))


# --- k-means++ -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "d", "k"), [(4, 1, 1), (31, 1, 3), (64, 2, 5), (65, 9, 4), (150, 3, 11)]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_plusplus_draws_what_the_definition_draws(rng, packed, dtype, n, d, k, weighted):
    X = rng.randint(-50, 51, (n, d)).astype(dtype)  # integers: every potential is exact
    weight = rng.randint(3, size=n).astype(np.float64) if weighted else None
    rows = packed(X, weight)
    for seed in range(5):
        mine, naives = RandomState(seed), RandomState(seed)
        expected = naive.kmeans_plusplus(X, k, weight, naives)[1]
        assert_array_equal(PlusPlus(rows).draw(k, mine)[0], expected)
        assert mine.uniform() == naives.uniform()  # both have drawn as much


@pytest.mark.parametrize("n_trials", [1, 2, 7])
def test_plusplus_tries_as_often_as_it_is_told(rng, packed, n_trials):
    X = rng.randint(-50, 51, (90, 2)).astype(np.float64)
    expected = naive.kmeans_plusplus(X, 6, None, RandomState(4), n_trials)[1]
    assert_array_equal(PlusPlus(packed(X), n_trials).draw(6, RandomState(4))[0], expected)


@pytest.mark.parametrize("room", [1, 8 * 3 * 90, 2**24])
@pytest.mark.parametrize("features", [2, 5, 30])
def test_starts_together_are_starts_one_after_the_other(
    seeding, rng, packed, monkeypatch, room, features
):
    monkeypatch.setattr(seeds, "ENOUGH_ROOM", room)
    rows = packed(rng.normal(size=(90, features)), rng.randint(3, size=90).astype(np.float64))
    mine, his, n_starts = RandomState(5), RandomState(5), features + 1  # groups are of unequal size
    together = seeding(rows).draw(6, mine, n_starts)
    alone = np.array([seeding(rows).draw(6, his)[0] for _ in range(n_starts)])
    assert_array_equal(together, alone)
    assert len({tuple(its) for its in alone}) == n_starts
    assert mine.uniform() == his.uniform()


@pytest.mark.parametrize("value", [0.0, np.nextafter(1.0, 0.0)])
@pytest.mark.parametrize(
    "zeros", [[0], [99], [0, 1, 2, 97, 98, 99], [*range(40)], [*range(60, 100)]]
)
def test_the_ends_of_the_unit_interval_draw_no_row_of_weight_zero(rng, packed, dtype, value, zeros):
    X, weight = rng.normal(size=(100, 2)).astype(dtype), rng.uniform(size=100)
    weight[zeros] = 0.0
    got = PlusPlus(packed(X, weight)).draw(5, Extreme(value))[0]
    assert np.all(weight[got] > 0)
    assert np.all(got < 100)


@given(
    st.lists(st.sampled_from([0.0, 1e-300, 0.1, 1.0, 1e300]), min_size=1, max_size=70),
    st.integers(1, 6),
    st.integers(0, 99),
)
def test_plusplus_never_takes_a_row_of_weight_zero(packed, weights, k, seed):
    weight = np.array([*weights, 0.7])
    X = (np.arange(len(weight)) % 5.0)[:, None]  # few distinct rows: seeds run out of new ones
    got = PlusPlus(packed(X, weight)).draw(k, RandomState(seed))[0]
    assert np.all(weight[got] > 0)


def test_plusplus_repeats_rows_where_there_are_too_few(packed, dtype):
    weight = np.array([0.0, 1.0, 0.0, 2.0])
    got = PlusPlus(packed(np.arange(4, dtype=dtype)[:, None], weight)).draw(4, RandomState(0))[0]
    assert set(got) == {1, 3}


def test_plusplus_takes_the_far_group_next(packed):
    """Hand-worked: after one seed of the pair at 0, all distance lies in the pair at 100."""
    X = np.array([[0.0], [0.0], [100.0], [100.0]])
    for seed in range(8):
        got = PlusPlus(packed(X)).draw(2, RandomState(seed))[0]
        assert sorted(X[got, 0]) == [0, 100]


# --- an urn ----------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("size", [1, 20, 50])
def test_rows_are_drawn_as_by_choice(weighted, size):
    weight = RandomState(0).uniform(0, 2, 50) if weighted else np.ones(50)
    mine, his, urn = RandomState(3), RandomState(3), Urn(weight)
    for _ in range(3):
        p = weight / weight.sum()
        assert_array_equal(urn.draw(size, mine), his.choice(50, size, p=p))
        expected = his.choice(50, size, replace=False, p=p)
        assert_array_equal(urn.draw_distinct(size, mine), expected)


@pytest.mark.parametrize("n", [1, 3, 7, 1000])
def test_equal_weights_draw_as_their_running_sums_do_also_at_their_steps(n):
    weight = np.full(n, 0.3)
    running = np.cumsum(weight / weight.sum())
    running /= running[-1]
    for shares in (running[:-1], np.nextafter(running, 0), np.nextafter(running[:-1], 1)):
        assert_array_equal(Urn(weight)._search(shares), running.searchsorted(shares, "right"))


# --- random ----------------------------------------------------------------------------------


def test_uniform_draws_as_numpy_does(rng, packed):
    X, weight = rng.normal(size=(40, 1)), rng.randint(1, 4, 40).astype(np.float64)
    expected = RandomState(2).choice(40, size=6, replace=False, p=weight / weight.sum())
    assert_array_equal(Uniform(packed(X, weight)).draw(6, RandomState(2))[0], expected)


def test_too_few_rows_with_weight_are_refused_by_number(packed):
    rows = packed(np.zeros((5, 1)), np.array([0.0, 1.0, 0.0, 2.0, 0.0]))
    assert set(Uniform(rows).draw(2, RandomState(0))[0]) == {1, 3}
    with pytest.raises(ValueError, match=r"draws 3 distinct rows, but only 2 rows .*k-means\+\+"):
        Uniform(rows).draw(3, RandomState(0))


# --- by bytes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 63, 64, 65, 300])
@pytest.mark.parametrize("threads", [1, 3])
def test_bytes_leave_what_tiles_leave(rng, packed, dtype, n, threads):
    X = (5 * rng.randint(3, size=(n, 1)) + rng.normal(size=(n, 26))).astype(dtype)
    weight = rng.uniform(size=n)
    weight[1 : n // 3] = 0.0
    mine = ByteSeeding(packed(X, weight, n_threads=threads), 2)
    his = TileSeeding(packed(X, weight), 2)
    mine.restart()
    his.restart()
    asked = rng.randint(n, size=(2, 7))
    for rows in (
        [0, n - 1],
        [n - 1, 0],
        *asked[:, :3].T,
    ):  # of which the first two were no candidates
        mine.add(np.array(rows))
        his.add(np.array(rows))
        assert_allclose(mine.closest[:, :n], his.closest[:, :n], rtol=1e-5, atol=1e-12)
        assert_allclose(mine.potentials(asked), his.potentials(asked), rtol=1e-5, atol=1e-9)
        shares = rng.uniform(size=(2, 9))
        if n > 9 and mine.tile_potential.sum(1).all():
            assert_array_equal(mine.draw(shares), his.draw(shares))


def test_bytes_choose_the_same_rows_whatever_the_threads(rng, packed, monkeypatch):
    monkeypatch.setattr(seeds, "pays", lambda rows: True)
    X = rng.normal(size=(900, 30))
    chosen = [PlusPlus(packed(X, n_threads=m)).draw(40, RandomState(1)) for m in (1, 2, 3)]
    assert_array_equal(chosen[0], chosen[1])
    assert_array_equal(chosen[0], chosen[2])
    monkeypatch.setattr(seeds, "pays", lambda rows: False)
    assert_array_equal(PlusPlus(packed(X)).draw(40, RandomState(1)), chosen[0])


@pytest.mark.parametrize("size", [1e-25, 1.0, 1e19, 1e30])
def test_rows_of_any_size_have_the_same_seeds(rng, size):
    X = rng.normal(size=(150, 24))
    zero = Frame(np.zeros(24), 0)
    expected = PlusPlus(pack(X, zero, None, 1)).draw(6, RandomState(0))
    assert_array_equal(PlusPlus(pack(size * X, zero, None, 1)).draw(6, RandomState(0)), expected)
