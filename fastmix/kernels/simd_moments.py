"""Moments of rows about the means, tiled in registers, each beside the plain loop that it equals.

As in simd_log_prob.py: raw pointers see no bounds, so layouts and dtypes are refused here when a kernel
is compiled, and shapes by engine/passes.py before it is called.

Component c takes part in the tiles first + t for t in places[c, :sizes[c]]; of resp (k, >= rows) the
rows of tile first are the first ones.
"""

import numpy as np
from numba import types
from numba.extending import intrinsic

from fastmix._numba import JIT
from fastmix.kernels.lanes import I32, I64, SIDE, Lanes, arrays, refuse
from fastmix.kernels.tiles import SUMMED_TILES

AT_ONCE = 8  # tiles: of these, the features of a block and the responsibilities stay in a core's first cache
NAMES = ("tiles", "first", "means", "resp", "places", "sizes", "counts", "sums", "scatter")


class _Rows:
    """Some rows and their responsibilities, as emitted code walks through them.

    The components, one or several, have all these rows in common.
    """

    def __init__(self, lanes, given, first, components, start, size):
        builder = lanes.builder
        (self.tiles, (_, self.d, _)), (means, _), (resp, (_, width)) = (
            given[name] for name in ("tiles", "means", "resp")
        )
        places, (_, group) = given["places"]
        self.lanes, self.first, self.size = lanes, first, size
        self.means = [lanes.at(means, builder.mul(c, self.d)) for c in components]
        self.shares = [lanes.at(resp, builder.mul(c, width)) for c in components]
        self.places = lanes.at(places, builder.add(builder.mul(components[0], group), start))

    def each(self, emit):
        """emit(r, x) for every vector of rows: r[c] weights it for a component, x(j) loads feature j."""
        lanes, builder = self.lanes, self.lanes.builder
        mul, add, R = builder.mul, builder.add, I64(lanes.rows)
        with lanes.loop(self.size) as i:
            t = builder.load(lanes.at(self.places, i))
            rows = lanes.at(self.tiles, mul(mul(add(self.first, t), self.d), R))
            weights = [lanes.at(share, mul(t, R)) for share in self.shares]
            with lanes.loop(R, 0, lanes.width) as lane:
                r = [lanes.load(weight, lane) for weight in weights]
                emit(r, lambda j: lanes.load(rows, add(mul(j, R), lane)))


def _emit(emit_components, at_once, together=1):
    """Emitter of a kernel whose arguments are NAMES, from one for the moments of some components.

    It sums up `at_once` tiles in the dtype of the rows before it adds to float64 totals. Where
    `together` components matter to the same tiles, these are read once for all of them.
    """

    def emit(context, builder, sig, args):
        lanes = Lanes(builder, sig.args[0].dtype)
        given = arrays(context, builder, NAMES, sig, args)
        (to_counts, (k,)), (to_sums, (_, d)) = given["counts"], given["sums"]
        (sizes, _), (places, (_, group)) = given["sizes"], given["places"]

        def moments(components):
            size = builder.load(lanes.at(sizes, components[0]))
            with lanes.loop(size, 0, at_once) as start:
                left = builder.sub(size, start)
                few = builder.icmp_signed("<", left, I64(at_once))
                some = builder.select(few, left, I64(at_once))
                rows = _Rows(lanes, given, args[1], components, start, some)
                to = [
                    (lanes.at(to_counts, c), lanes.at(to_sums, builder.mul(c, d)))
                    for c in components
                ]
                emit_components(lanes, rows, components, to, given["scatter"][0])

        def from_first_on(c, size):
            """Is the list of a component 0, 1, ... size - 1? It ascends."""
            last = builder.sub(size, I64(1))
            none = builder.icmp_signed("<", last, I64(0))
            place = builder.add(builder.mul(c, group), builder.select(none, I64(0), last))
            return builder.icmp_signed("==", builder.load(lanes.at(places, place)), last)

        def some(first, count):
            components = [builder.add(first, I64(i)) for i in range(count)]
            if count == 1:
                moments(components)
                return
            size = builder.load(lanes.at(sizes, first))
            same = from_first_on(first, size)
            for c in components[1:]:
                equal = builder.icmp_signed("==", builder.load(lanes.at(sizes, c)), size)
                same = builder.and_(same, builder.and_(equal, from_first_on(c, size)))
            with builder.if_else(same) as (all_in_one, one_by_one):
                with all_in_one:
                    moments(components)
                with one_by_one, lanes.loop(builder.add(first, I64(count)), first) as c:
                    moments([c])

        lanes.each(k, some, together)
        return context.get_dummy_value()

    return emit


def _matrix_moments(lanes, rows, components, to, scatter):
    builder, d, (mean,) = lanes.builder, rows.d, rows.means
    mul, add = builder.mul, builder.add
    (c,), ((to_count, to_sums),) = components, to
    to_scatter = lanes.at(scatter, mul(c, mul(d, d)))

    def block(j, count, i, columns, corner):
        """Rows j.. of the second moments by columns i..; the corner brings the first moments."""
        at_j = [lanes.splat_at(mean, add(j, I64(a))) for a in range(count)]
        at_i = [lanes.splat_at(mean, add(i, I64(b))) for b in range(columns)]
        second = [
            [lanes.variable(lanes.zero) for _ in range(a + 1 if corner else columns)]
            for a in range(count)
        ]
        one = [lanes.variable(lanes.zero) for _ in range(count)]
        total = lanes.variable(lanes.zero)

        def vector(shares, x):
            (r,) = shares
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

    def moments(lanes, rows, components, to, scatter):
        builder, add = lanes.builder, lanes.builder.add

        def features(j, count):
            at_j = [
                [lanes.splat_at(mean, add(j, I64(a))) for a in range(count)] for mean in rows.means
            ]
            one, two = (
                [[lanes.variable(lanes.zero) for _ in range(count)] for _ in components]
                for _ in range(2)
            )
            totals = [lanes.variable(lanes.zero) for _ in components]

            def vector(shares, x):
                values = [x(add(j, I64(a))) for a in range(count)]
                for r, m, first, second, total in zip(shares, at_j, one, two, totals, strict=True):
                    for a in range(count):
                        gap = builder.fsub(values[a], m[a])
                        if with_second:
                            weighted = builder.fmul(r, gap)
                            lanes.set(first[a], builder.fadd(lanes.get(first[a]), weighted))
                            lanes.add_product(second[a], weighted, gap)
                        else:
                            lanes.add_product(first[a], r, gap)
                    lanes.set(total, builder.fadd(lanes.get(total), r))

            rows.each(vector)
            for i, (c, (to_count, to_sums)) in enumerate(zip(components, to, strict=True)):
                _add_totals(lanes, one[i], lanes.at(to_sums, j))
                if with_second:
                    place = add(builder.mul(c, rows.d), j)
                    _add_totals(lanes, two[i], lanes.at(scatter, place))
                with builder.if_then(builder.icmp_signed("==", j, I64(0))):
                    _add_totals(lanes, [totals[i]], to_count)

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
_typed_diagonal = _typed(_emit(_by_feature(True), SUMMED_TILES))
_typed_first = _typed(_emit(_by_feature(False), SUMMED_TILES, together=2))


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
