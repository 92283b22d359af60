"""Moments of rows about the means, tiled in registers, each beside the plain loop that it equals.

As in simd_log_prob.py: raw pointers see no bounds, so layouts and dtypes are refused here when a kernel
is compiled, and shapes by engine/em.py before it is called.

Component c takes part in the tiles first + t for t in places[c, :sizes[c]]; of resp (k, >= rows) the
rows of tile first are the first ones.
"""

import numpy as np
from numba import types
from numba.extending import intrinsic

from fastmix._numba import JIT
from fastmix.kernels.lanes import I32, I64, SIDE, Lanes, array, refuse

AT_ONCE = 8  # tiles: of these, the features of a block and the responsibilities stay in a core's first cache
NAMES = ("tiles", "first", "means", "resp", "places", "sizes", "counts", "sums", "scatter")


class _Rows:
    """Some rows of one component and their responsibilities, as emitted code walks through them."""

    def __init__(self, lanes, given, first, c, start, size):
        builder = lanes.builder
        (self.tiles, (_, self.d, _)), (means, _), (resp, (_, width)) = (
            given[name] for name in ("tiles", "means", "resp")
        )
        places, (_, group) = given["places"]
        self.lanes, self.first, self.size = lanes, first, size
        self.mean = lanes.at(means, builder.mul(c, self.d))
        self.share = lanes.at(resp, builder.mul(c, width))
        self.places = lanes.at(places, builder.add(builder.mul(c, group), start))

    def each(self, emit):
        """emit(r, x) for every vector of rows: r weights it, x(j) loads feature j."""
        lanes, builder = self.lanes, self.lanes.builder
        mul, add, R = builder.mul, builder.add, I64(lanes.rows)
        with lanes.loop(self.size) as i:
            t = builder.load(lanes.at(self.places, i))
            rows = lanes.at(self.tiles, mul(mul(add(self.first, t), self.d), R))
            weights = lanes.at(self.share, mul(t, R))
            with lanes.loop(R, 0, lanes.width) as lane:
                emit(lanes.load(weights, lane), lambda j: lanes.load(rows, add(mul(j, R), lane)))


def _emit(emit_component, at_once=None):
    """Emitter of a kernel whose arguments are NAMES, from one for the moments of component c.

    It reads `at_once` tiles after the other, however often it comes back to them, or all.
    """

    def emit(context, builder, sig, args):
        lanes = Lanes(builder, sig.args[0].dtype)
        given = {
            name: array(context, builder, kind, value)
            for name, kind, value in zip(NAMES, sig.args, args, strict=True)
            if isinstance(kind, types.Array)
        }
        counts, (k,) = given["counts"]
        with lanes.loop(k) as c:
            size = builder.load(lanes.at(given["sizes"][0], c))
            with lanes.loop(size, 0, size if at_once is None else at_once) as start:
                left = builder.sub(size, start)
                few = builder.icmp_signed("<", left, I64(at_once or 0))
                some = left if at_once is None else builder.select(few, left, I64(at_once))
                rows = _Rows(lanes, given, args[1], c, start, some)
                to_sums = lanes.at(given["sums"][0], builder.mul(c, rows.d))
                emit_component(lanes, rows, c, lanes.at(counts, c), to_sums, given["scatter"][0])
        return context.get_dummy_value()

    return emit


def _matrix_moments(lanes, rows, c, to_count, to_sums, scatter):
    builder, d = lanes.builder, rows.d
    mul, add = builder.mul, builder.add
    to_scatter = lanes.at(scatter, mul(c, mul(d, d)))

    def block(j, count, i, columns, corner):
        """Rows j.. of the second moments by columns i..; the corner brings the first moments."""
        at_j = [lanes.splat_at(rows.mean, add(j, I64(a))) for a in range(count)]
        at_i = [lanes.splat_at(rows.mean, add(i, I64(b))) for b in range(columns)]
        second = [
            [lanes.variable(lanes.zero) for _ in range(a + 1 if corner else columns)]
            for a in range(count)
        ]
        one = [lanes.variable(lanes.zero) for _ in range(count)]
        total = lanes.variable(lanes.zero)

        def vector(r, x):
            left = [builder.fsub(x(add(j, I64(a))), at_j[a]) for a in range(count)]
            right = (
                left
                if corner
                else [builder.fsub(x(add(i, I64(b))), at_i[b]) for b in range(columns)]
            )
            for a in range(count):
                weighted = builder.fmul(r, left[a])
                for place, other in zip(second[a], right, strict=False):
                    lanes.add_product(place, weighted, other)
                if corner:
                    lanes.set(one[a], builder.fadd(lanes.get(one[a]), weighted))
            if corner:
                lanes.set(total, builder.fadd(lanes.get(total), r))

        rows.each(vector)
        for a in range(count):
            to = lanes.at(to_scatter, add(mul(add(j, I64(a)), d), i))
            _add_totals(lanes, second[a], to)
        if corner:
            _add_totals(lanes, one, lanes.at(to_sums, j))
            with builder.if_then(builder.icmp_signed("==", j, I64(0))):
                _add_totals(lanes, [total], to_count)

    def features(j, count):
        with lanes.loop(j, 0, SIDE) as i:  # as many columns as the registers bear
            block(j, count, i, SIDE, False)
        block(j, count, j, count, True)

    lanes.each(d, features)


def _by_feature(with_second):
    """First moments by feature, and second ones (k, d) where wanted."""

    def moments(lanes, rows, c, to_count, to_sums, scatter):
        builder, add = lanes.builder, lanes.builder.add
        to_scatter = lanes.at(scatter, builder.mul(c, rows.d)) if with_second else None

        def features(j, count):
            m = [lanes.splat_at(rows.mean, add(j, I64(a))) for a in range(count)]
            one = [lanes.variable(lanes.zero) for _ in range(count)]
            two = [lanes.variable(lanes.zero) for _ in range(count)]
            total = lanes.variable(lanes.zero)

            def vector(r, x):
                for a in range(count):
                    gap = builder.fsub(x(add(j, I64(a))), m[a])
                    if with_second:
                        weighted = builder.fmul(r, gap)
                        lanes.set(one[a], builder.fadd(lanes.get(one[a]), weighted))
                        lanes.add_product(two[a], weighted, gap)
                    else:
                        lanes.add_product(one[a], r, gap)
                lanes.set(total, builder.fadd(lanes.get(total), r))

            rows.each(vector)
            _add_totals(lanes, one, lanes.at(to_sums, j))
            if with_second:
                _add_totals(lanes, two, lanes.at(to_scatter, j))
            with builder.if_then(builder.icmp_signed("==", j, I64(0))):
                _add_totals(lanes, [total], to_count)

        lanes.each(rows.d, features)

    return moments


def _add_totals(lanes, variables, to):
    """Add the totals of up to four vectors to float64 numbers that lie side by side."""
    totals = lanes.sum_four([lanes.get(variable) for variable in variables])
    for index in range(len(variables)):
        value = lanes.builder.extract_element(totals, I32(index))
        if lanes.size == 4:
            value = lanes.builder.fpext(value, lanes.double)
        place = lanes.at(to, index)
        lanes.builder.store(lanes.builder.fadd(lanes.builder.load(place), value), place)


def _typed(emit):
    def typing(tiles, first, means, resp, places, sizes, counts, sums, scatter):
        refuse(tiles.dtype, tiles=tiles, means=means, resp=resp)
        refuse(types.int64, places=places, sizes=sizes)
        refuse(types.float64, counts=counts, sums=sums, scatter=scatter)
        kinds = (tiles, types.int64, means, resp, places, sizes, counts, sums, scatter)
        return types.void(*kinds), emit

    return typing


_typed_matrix = _typed(_emit(_matrix_moments, AT_ONCE))
_typed_diagonal = _typed(_emit(_by_feature(True)))
_typed_first = _typed(_emit(_by_feature(False)))


@intrinsic
def _add_moments(typing, tiles, first, means, resp, places, sizes, counts, sums, scatter):
    return _typed_matrix(tiles, first, means, resp, places, sizes, counts, sums, scatter)


@intrinsic
def _add_diagonal_moments(typing, tiles, first, means, resp, places, sizes, counts, sums, scatter):
    return _typed_diagonal(tiles, first, means, resp, places, sizes, counts, sums, scatter)


@intrinsic
def _add_first_moments(typing, tiles, first, means, resp, places, sizes, counts, sums, scatter):
    return _typed_first(tiles, first, means, resp, places, sizes, counts, sums, scatter)


def _plainly(second):
    """The plain twin, from second(gaps (d, R), r (R,)) of one component or None."""

    def add_moments(tiles, first, means, resp, places, sizes, counts, sums, scatter):
        R = tiles.shape[2]
        for c in range(len(counts)):
            for t in places[c, : sizes[c]]:
                gaps, r = tiles[first + t] - means[c][:, None], resp[c, t * R : (t + 1) * R]
                counts[c] += r.sum()
                sums[c] += gaps @ r
                if second is not None:
                    scatter[c] += second(gaps, r)

    return add_moments


if JIT:
    add_moments, add_diagonal_moments = _add_moments, _add_diagonal_moments
    add_first_moments = _add_first_moments
else:
    add_moments = _plainly(lambda gaps, r: np.tril((r * gaps) @ gaps.T))
    add_diagonal_moments = _plainly(lambda gaps, r: (gaps * gaps) @ r)
    add_first_moments = _plainly(None)
