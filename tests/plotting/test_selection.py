"""The picture of a choice: lines, failures, the ring around the choice, and what can be seen."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt

from fastmix import select_kmeans
from fastmix.plotting import SelectionDisplay, plot_selection


def line(k, value, covariance_type=None):
    """A line of a table; a fit without a value has failed."""
    shape = {} if covariance_type is None else {"covariance_type": covariance_type}
    error = "collapsed" if value is None else None
    return {"n_components": k, **shape, "bic": value, "error": error}


def result(table, best_index, lower_is_better=True):
    names = [name for name in ("n_components", "covariance_type") if name in table[0]]
    return SimpleNamespace(
        table_=table,
        criterion="bic",
        lower_is_better=lower_is_better,
        best_index_=best_index,
        best_params_={name: table[best_index][name] for name in names},
    )


TWO_TYPES = [
    line(3, 60.0, "full"),
    line(3, 55.0, "diag"),
    line(1, 100.0, "full"),
    line(1, 90.0, "diag"),
    line(2, 50.0, "full"),
    line(2, None, "diag"),
]


def test_a_line_for_every_type_in_the_order_of_sizes():
    _, ax = plt.subplots()
    display = SelectionDisplay.from_result(result(TWO_TYPES, 4), ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    full, diag = display.lines_
    np.testing.assert_array_equal(full.get_xydata(), [[1, 100], [2, 50], [3, 60]])
    np.testing.assert_array_equal(diag.get_xydata(), [[1, 90], [2, np.nan], [3, 55]])
    assert full.get_color() != diag.get_color()
    assert full.get_marker() != diag.get_marker()
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "number of components",
        "BIC, the lower the better",
    )
    assert ax.get_xticks().tolist() == [1, 2, 3]


def test_the_choice_has_a_ring_and_is_named():
    ax = plot_selection(result(TWO_TYPES, 4)).ax_
    assert ax is plt.gca()
    (ring,) = ax.collections
    np.testing.assert_array_equal(ring.get_offsets(), [[2, 50]])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["full", "diag (1 failed)", "choice: 2, full"]


def test_failures_are_crosses_at_the_lower_edge_below_all_values():
    display = SelectionDisplay.from_result(result(TWO_TYPES, 4))
    none, crosses = display.failed_
    assert len(none.get_xdata()) == 0
    (x,), (height,) = crosses.get_data()
    assert x == 2
    to_data = display.ax_.get_xaxis_transform() - display.ax_.transData
    assert to_data.transform((x, height))[1] < 50


def test_without_types_there_is_one_line_without_a_name():
    display = SelectionDisplay.from_result(result([line(2, 5.0), line(3, 4.0)], 1))
    assert len(display.lines_) == 1
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["choice: 3"]


@pytest.mark.parametrize("sign", [1, -1])
def test_fits_far_behind_leave_the_picture(sign):
    behind = [1000.0, 400.0, 3.0, 0.0, 2.0, 4.0, 5.0, 6.0]
    table = [line(k + 1, sign * value) for k, value in enumerate(behind)]
    display = SelectionDisplay.from_result(result(table, 3, lower_is_better=sign > 0))
    low, high = np.sort([sign * end for end in display.ax_.get_ylim()])
    assert low < 0.0
    assert 6.0 < high < 10.0


FAR = [3.0, 0.0, 2.0, 4.0, 5.0, 6.0, 5.0]  # a line that is seen, and keeps the frame where it is


def both(other, sign=1):
    """The display of FAR, of type 'full', and of another line of type 'diag'."""
    table = [line(k, sign * value, "full") for k, value in enumerate(FAR, start=1)]
    values = (None if value is None else sign * value for value in other)
    table += [line(k, value, "diag") for k, value in enumerate(values, start=1)]
    return SelectionDisplay.from_result(result(table, 1, lower_is_better=sign > 0))


@pytest.mark.parametrize(("sign", "side"), [(1, "above"), (-1, "below")])
def test_a_line_that_is_not_seen_is_named_so(sign, side):
    display = both([1000.0, None, *[2000.0] * 5], sign)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["full", f"diag (1 failed, {side})", "choice: 2, full"]
    assert display.leaving_ == []


@pytest.mark.parametrize(("sign", "height"), [(1, 1.0), (-1, 0.0)])
def test_a_line_that_leaves_the_picture_has_a_tip_there(sign, height):
    display = both([1000.0, 5.0, 5.0, 5.0, 1000.0, None, np.inf], sign)
    edge = abs(np.array(display.ax_.get_ylim())).max()
    (tips,) = display.leaving_
    x, y = tips.get_data()
    share = (edge - 5.0) / 995.0
    np.testing.assert_allclose(x, [2 - share, 4 + share])
    assert y.tolist() == [height] * 2
    assert tips.get_color() == display.lines_[1].get_color()
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts[1] == "diag (1 failed)"


def test_the_legend_hides_no_line():
    display = both([5.0] * 7)
    display.figure_.canvas.draw()
    frame, legend = display.ax_.get_window_extent(), display.ax_.get_legend().get_window_extent()
    assert legend.y0 >= frame.y1
    assert legend.y1 <= display.figure_.bbox.y1


def test_values_that_are_not_finite_or_all_equal_can_be_drawn():
    display = SelectionDisplay.from_result(result([line(2, np.inf)], 0))
    assert np.isfinite(display.ax_.get_ylim()).all()
    display.figure_.canvas.draw()
    display = SelectionDisplay.from_result(result([line(2, 3.0), line(3, 3.0)], 0))
    low, high = display.ax_.get_ylim()
    assert low < 3.0 < high


def test_many_sizes_share_ticks():
    display = SelectionDisplay.from_result(result([line(k, float(k)) for k in range(1, 60)], 0))
    assert len(display.ax_.get_xticks()) < 20


def test_it_can_be_drawn_again_elsewhere():
    display = SelectionDisplay.from_result(result(TWO_TYPES, 4))
    _, ax = plt.subplots()
    assert display.plot(ax).ax_ is ax
    assert len(ax.lines) == 4


def test_results_of_select_kmeans_are_drawn(rng):
    rows = np.r_[rng.normal(0, 1, (40, 2)), rng.normal(9, 1, (40, 2))]
    display = SelectionDisplay.from_result(select_kmeans(rows, [2, 3], random_state=0))
    assert display.ax_.get_xlabel() == "number of clusters"
    assert display.ax_.get_ylabel() == "Calinski-Harabasz index, the higher the better"
    assert display.best_.get_offsets()[0, 0] == 2


def test_what_is_no_result_is_refused():
    message = (
        "result must be what select_gmm or select_kmeans returns, got int; draw a fitted model by "
        "plot_gmm or plot_kmeans."
    )
    with pytest.raises(TypeError, match=re.escape(message)):
        plot_selection(3)
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes or None, got str"):
        plot_selection(result(TWO_TYPES, 4), "axes")
