"""Densities, heights of contours and bins of histograms, against SciPy and by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal

from fastmix.plotting._densities import (
    heights,
    histogram_edges,
    log_densities,
    log_density,
    reach,
    round_steps,
)

WEIGHTS = np.array([0.2, 0.5, 0.3])
MEANS = np.array([[0.0, 1.0], [5.0, -2.0], [1.0, 7.0]])
MATRICES = np.array(
    [[[2.0, 0.9], [0.9, 1.0]], [[0.5, 0.0], [0.0, 4.0]], [[1.0, -0.7], [-0.7, 0.6]]]
)
MIXTURE = WEIGHTS, MEANS, MATRICES


def test_log_densities_are_those_of_scipy(rng):
    points = 6 * rng.normal(size=(40, 2))
    expected = [
        np.log(w) + multivariate_normal(mean, matrix).logpdf(points)
        for w, mean, matrix in zip(*MIXTURE, strict=True)
    ]
    assert_allclose(log_densities(points, *MIXTURE), np.transpose(expected), rtol=1e-12)
    total = np.log(np.exp(expected).sum(0))
    assert_allclose(log_density(points, *MIXTURE), total, rtol=1e-12)


def test_far_away_a_density_is_small_but_not_nothing():
    far = log_density(np.array([[1e6, 0.0]]), *MIXTURE)
    assert -1e13 < far[0] < -1e11


def test_a_component_without_weight_has_no_density():
    weights = np.array([1.0, 0.0, 0.0])
    points = MEANS[1:]
    assert np.isneginf(log_densities(points, weights, MEANS, MATRICES)[:, 1:]).all()
    assert np.isfinite(log_density(points, weights, MEANS, MATRICES)).all()


def test_the_density_of_one_feature_integrates_to_one():
    x = np.linspace(-30, 40, 20_001)
    one = MEANS[:, :1], MATRICES[:, :1, :1]
    density = np.exp(log_density(x[:, None], WEIGHTS, *one))
    assert density.sum() * (x[1] - x[0]) == pytest.approx(1)


def test_heights_bound_the_probabilities_of_one_gaussian():
    """There the density falls to 1 - p of its maximum: the squared radius is exponential of mean 2."""
    levels = np.array([0.99, 0.9, 0.5])
    one = np.ones(1), MEANS[:1], MATRICES[:1]
    expected = log_density(MEANS[:1], *one) + np.log(1 - levels)
    assert_allclose(heights(levels, *one), expected, atol=0.05)


def test_heights_of_a_mixture_hold_that_part_of_it(rng):
    levels = np.array([0.95, 0.5])
    labels = rng.choice(3, 20_000, p=WEIGHTS)
    rows = np.array([rng.multivariate_normal(MEANS[c], MATRICES[c]) for c in labels])
    found = heights(levels, *MIXTURE)
    inside = (log_density(rows, *MIXTURE)[:, None] > found).mean(0)
    assert_allclose(inside, levels, atol=0.015)
    assert_array_equal(heights(levels, *MIXTURE), found)  # always the same


@pytest.mark.parametrize("height", [-3.5, -8.0, -20.0])
def test_within_reach_are_all_points_above_a_height(height):
    low, high = reach(height, *MIXTURE)
    axis = np.linspace(-30, 30, 301)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    above = grid[log_density(grid, *MIXTURE) > height]
    assert len(above)
    assert (low <= above.min(0)).all()
    assert (above.max(0) <= high).all()


def test_the_reach_of_one_component_is_that_of_its_ellipse():
    one = np.ones(1), MEANS[:1], MATRICES[:1]
    top = log_density(MEANS[:1], *one)[0]
    low, high = reach(top - 2.0, *one)  # two standard deviations
    spread = 2 * np.sqrt([2.0, 1.0])
    assert_allclose([low, high], [MEANS[0] - spread, MEANS[0] + spread])


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (-4.7, 1.1, 10, [-4, -3, -2, -1, 0, 1]),
        (-10.0, 0.0, 5, [-10, -8, -6, -4, -2]),
        (0.011, 0.019, 4, [0.012, 0.014, 0.016, 0.018]),
        (-1000.0, 5.0, 3, [-1000, -500, 0]),
    ],
)
def test_steps_are_round(low, high, most, expected):
    assert_allclose(round_steps(low, high, most), expected)


def test_bins_are_as_wide_as_freedman_and_diaconis_have_it(rng):
    values = rng.normal(size=3000)
    edges = histogram_edges(values)
    expected = np.histogram_bin_edges(values, "fd")
    assert_allclose(edges, expected)


@pytest.mark.parametrize(
    ("values", "bins"),
    [
        (np.arange(5.0), 10),
        (np.zeros(50), 10),
        (np.append(np.random.RandomState(0).normal(size=5000), 1e12), 60),
    ],
    ids=["few", "all the same", "one far away"],
)
def test_there_are_not_too_few_bins_and_not_too_many(values, bins):
    assert len(histogram_edges(values)) == bins + 1
