"""Screening boxes in lanes: the register-tiled form says what the plain one says."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmix._numba import kernel
from fastmix.kernels.simd_boxes import BOXES, _in_reach_plainly
from fastmix.kernels.simd_boxes import in_reach as in_reach_in_registers

ALL = np.uint32(0xFFFFFFFF)
SHAPES = [(1, 1), (1, 7), (2, 3), (3, 4), (5, 1), (8, 20), (9, 11), (17, 2)]


@kernel
def in_reach(low, high, own, far, points, margin, masks):
    in_reach_in_registers(low, high, own, far, points, margin, masks)


@pytest.fixture
def problem(rng, guarded):
    """Maker of boxes, their own points and all points, from a source of numbers (shape) -> array."""

    def make(d, k, draw):
        low, high = np.sort(draw((2, d, BOXES)), axis=0)
        points = draw((k, d))
        own = points[rng.randint(k, size=BOXES)].T
        far = np.maximum((low - own) ** 2, (high - own) ** 2).sum(0)
        return tuple(guarded(np.ascontiguousarray(each)) for each in (low, high, own, far, points))

    return make


def masks_of(function, problem, margin, guarded):
    masks = guarded(np.full(len(problem[4]), 0x5A5A5A5A, np.uint32))
    function(*problem, margin, masks)
    return masks


@pytest.mark.parametrize(("d", "k"), SHAPES)
@pytest.mark.parametrize("margin", [0.0, 2.0**-50, 0.25])
def test_masks_are_those_of_the_plain_twin(rng, problem, guarded, d, k, margin):
    """Integers are measured exactly, and often are as near as the margin allows."""
    given = problem(d, k, lambda shape: rng.randint(-4, 5, shape).astype(np.float64))
    got = masks_of(in_reach, given, margin, guarded)
    assert_array_equal(got, masks_of(_in_reach_plainly, given, margin, guarded))


@pytest.mark.parametrize(("d", "k"), SHAPES)
def test_masks_of_the_plain_twin_are_those_of_the_definition(rng, problem, guarded, d, k):
    """In the corner that is farthest from the own point for it, a point is at most as far as the own one."""
    given = problem(d, k, lambda shape: rng.randint(-4, 5, shape).astype(np.float64))
    low, high, own, far, points = given
    masks, margin = masks_of(_in_reach_plainly, given, 0.125, guarded), 0.125
    for c, point in enumerate(points):
        for b in range(BOXES):
            corner = [high[j, b] if point[j] > own[j, b] else low[j, b] for j in range(len(point))]
            its, best = ((corner - point) ** 2).sum(), ((corner - own[:, b]) ** 2).sum()
            assert bool(masks[c] >> np.uint32(b) & 1) == (its - best <= margin * (its + far[b]))


@pytest.mark.parametrize(("d", "k"), SHAPES)
def test_masks_differ_from_the_plain_twins_by_rounding_only(rng, problem, guarded, d, k):
    given = problem(d, k, lambda shape: rng.normal(size=shape))
    got = masks_of(in_reach, given, 1e-9, guarded)
    narrow, wide = (
        masks_of(_in_reach_plainly, given, margin, guarded) for margin in (0.9e-9, 1.1e-9)
    )
    assert_array_equal(got & narrow, narrow)
    assert_array_equal(got & ~wide, 0)


def test_the_own_point_and_its_equals_are_always_in_reach(rng, problem, guarded):
    given = problem(3, 5, lambda shape: rng.normal(size=shape))
    given[4][:] = given[4][0].copy()
    given[2][:] = given[4][0][:, None]
    assert_array_equal(masks_of(in_reach, given, 0.0, guarded), ALL)


def test_who_cannot_be_compared_is_in_reach(guarded, problem):
    """Squares that overflow leave nobody out, and neither does what is no number."""
    given = problem(2, 3, np.ones)
    given[4][1], given[4][2] = 1e200, np.nan
    given[3][:] = np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        assert_array_equal(masks_of(in_reach, given, 1e-9, guarded), ALL)


def test_every_box_has_its_own_bit(guarded, problem):
    given = problem(1, 1, np.zeros)
    low, high, _, far, points = given
    points[:] = 3.0
    for b in range(BOXES):
        low[:], high[:] = 0.0, 1.0
        high[0, b], far[b] = 2.0, 4.0  # whose farthest end is nearer to 3 than to 0
        assert masks_of(in_reach, given, 0.0, guarded) == [1 << b]
        high[0, b] = 1.0
