"""The inner loops of k-means, tiled in registers, each beside the plain loop that it equals.

Distances are sums of (x - c)**2, feature by feature in ascending order, so nothing cancels; ties go to
the lowest index, and a row that is not a number gets label 0 at an infinite distance. Raw pointers
see no bounds: lloyd.py slices its arrays to the shapes given here.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastmix._numba import JIT
from fastmix.kernels.lanes import I32, I64, SIDE, Lanes, array, refuse


def _distances(lanes, rows, d, points, c, count):
    """Squared distances of SIDE vectors of rows to points c.., as variables [point][vector]."""
    builder, mul = lanes.builder, lanes.builder.mul
    sq = [[lanes.variable(lanes.zero) for _ in range(SIDE)] for _ in range(count)]
    start = [mul(builder.add(c, I64(a)), d) for a in range(count)]
    with lanes.loop(d) as j:
        x = lanes.at(rows, mul(j, I64(lanes.rows)))
        x = [lanes.load(x, v * lanes.width) for v in range(SIDE)]
        for a in range(count):
            point = lanes.splat_at(points, builder.add(start[a], j))
            for v in range(SIDE):
                gap = builder.fsub(x[v], point)
                lanes.add_product(sq[a][v], gap, gap)
    return sq


def _emit_nearest(with_second):
    """Emitter of labels and squared distances to the nearest center, and to the second nearest if wanted."""

    def emit(context, builder, sig, args):
        lanes = Lanes(builder, sig.args[0].dtype)
        (tile, (d, _)), (centers, (k, _)), (labels, _), *outs = (
            array(context, builder, kind, value) for kind, value in zip(sig.args, args, strict=True)
        )
        mul, add, select = builder.mul, builder.add, builder.select
        whole = ir.IntType(8 * lanes.size)  # labels as wide as the distances, while in registers
        with lanes.loop(lanes.groups) as g:
            lane = mul(g, I64(SIDE * lanes.width))
            rows = lanes.at(tile, lane)
            infinite = lanes.splat(lanes.scalar(float("inf")))
            nobody = ir.Constant(ir.VectorType(whole, lanes.width), None)
            least = [[lanes.variable(infinite) for _ in range(SIDE)] for _ in outs]
            index = [lanes.variable(nobody) for _ in range(SIDE)]

            def some(c, count, rows=rows, least=least, index=index):
                sq = _distances(lanes, rows, d, centers, c, count)
                for a in range(count):
                    label = add(c, I64(a))
                    label = builder.trunc(label, whole) if lanes.size < 8 else label
                    label = lanes.splat(label)
                    for v in range(SIDE):
                        new, old = lanes.get(sq[a][v]), lanes.get(least[0][v])
                        closer = builder.fcmp_ordered("<", new, old)
                        if with_second:
                            other, second = select(closer, old, new), lanes.get(least[1][v])
                            better = builder.fcmp_ordered("<", other, second)
                            lanes.set(least[1][v], select(better, other, second))
                        lanes.set(least[0][v], select(closer, new, old))
                        lanes.set(index[v], select(closer, label, lanes.get(index[v])))

            lanes.each(k, some)
            for v in range(SIDE):
                here = add(lane, I64(v * lanes.width))
                label = lanes.get(index[v])
                if lanes.size > 4:
                    label = builder.trunc(label, ir.VectorType(I32, lanes.width))
                lanes.store(label, labels, here, size=4)
                for (out, _), found in zip(outs, least, strict=True):
                    lanes.store(lanes.get(found[v]), out, here)
        return context.get_dummy_value()

    return emit


_emit_best, _emit_two = _emit_nearest(False), _emit_nearest(True)


@intrinsic
def _nearest(typing, tile, centers, labels, best):
    refuse(tile.dtype, tile=tile, centers=centers, best=best)
    refuse(types.int32, labels=labels)
    return types.void(tile, centers, labels, best), _emit_best


def _nearest_plainly(tile, centers, labels, best):
    best[:], labels[:] = np.inf, 0
    for c, center in enumerate(centers):
        sq_dist = ((tile - center[:, None]) ** 2).sum(0)
        closer = sq_dist < best
        best[closer], labels[closer] = sq_dist[closer], c


@intrinsic
def _two_nearest(typing, tile, centers, labels, best, second):
    refuse(tile.dtype, tile=tile, centers=centers, best=best, second=second)
    refuse(types.int32, labels=labels)
    return types.void(tile, centers, labels, best, second), _emit_two


def _two_nearest_plainly(tile, centers, labels, best, second):
    _nearest_plainly(tile, centers, labels, best)
    second[:] = np.inf
    for c, center in enumerate(centers):
        sq_dist = ((tile - center[:, None]) ** 2).sum(0)
        second[:] = np.where(labels == c, second, np.fmin(second, sq_dist))


def _emit_remaining(context, builder, sig, args):
    lanes = Lanes(builder, sig.args[0].dtype)
    (tile, (d, _)), (points, (L, _)), (closest, _), (left, _), (closer_points, _) = (
        array(context, builder, sig.args[i], args[i]) for i in range(5)
    )
    bits = ir.IntType(lanes.width)
    mul, add = builder.mul, builder.add
    with lanes.loop(lanes.groups) as g:
        lane = mul(g, I64(SIDE * lanes.width))
        rows, until_now = lanes.at(tile, lane), lanes.at(closest, lane)
        before = [lanes.load(until_now, v * lanes.width) for v in range(SIDE)]

        def some(c, count, lane=lane, rows=rows, before=before):
            sq = _distances(lanes, rows, d, points, c, count)
            for a in range(count):
                point = add(c, I64(a))
                to, nearer = lanes.at(left, add(mul(point, I64(lanes.rows)), lane)), bits(0)
                for v in range(SIDE):
                    new = lanes.get(sq[a][v])
                    closer = builder.fcmp_ordered("<", new, before[v])
                    lanes.store(builder.select(closer, new, before[v]), to, v * lanes.width)
                    nearer = builder.or_(nearer, builder.bitcast(closer, bits))
                note = lanes.at(closer_points, point)
                found = builder.zext(builder.icmp_unsigned("!=", nearer, bits(0)), ir.IntType(8))
                builder.store(builder.or_(builder.load(note), found), note)

        lanes.each(L, some)
    return context.get_dummy_value()


@intrinsic
def _remaining(typing, tile, points, closest, left, closer):
    refuse(tile.dtype, tile=tile, points=points, closest=closest, left=left)
    refuse(types.uint8, closer=closer)
    return types.void(tile, points, closest, left, closer), _emit_remaining


def _remaining_plainly(tile, points, closest, left, closer):
    for c, point in enumerate(points):
        left[c] = np.minimum(closest, ((tile - point[:, None]) ** 2).sum(0))
        closer[c] |= (left[c] < closest).any()


def _emit_left_over(keep):
    """Emitter of the weighted sums of what points leave of squared distances, of which one point may be kept."""

    def emit(context, builder, sig, args):
        lanes, wide = Lanes(builder, sig.args[0].dtype), Lanes(builder, types.float64)
        (tile, (d, _)), (points, (L, _)), (closest, _), (weight, _), (totals, _), *noted = (
            array(context, builder, kind, value) for kind, value in zip(sig.args, args, strict=True)
        )
        bits, byte = ir.IntType(lanes.width), ir.IntType(8)
        parts = range(lanes.width // wide.width)

        def widened(vector):
            """The same numbers in as many vectors of doubles as they fill."""
            if lanes.size == 8:
                return [vector]
            here = (range(part * wide.width, (part + 1) * wide.width) for part in parts)
            return [builder.fpext(lanes.pick(vector, vector, its), wide.vector) for its in here]

        with lanes.loop(lanes.groups) as g:
            lane = builder.mul(g, I64(SIDE * lanes.width))
            rows, until_now, share = (lanes.at(of, lane) for of in (tile, closest, weight))
            before = [lanes.load(until_now, v * lanes.width) for v in range(SIDE)]

            def some(c, count, rows=rows, until_now=until_now, share=share, before=before):
                sq = _distances(lanes, rows, d, points, c, count)
                for a in range(count):
                    point = builder.add(c, I64(a))
                    total, nearer = lanes.at(totals, builder.mul(point, I64(wide.width))), bits(0)
                    added = wide.load(total)
                    for v in range(SIDE):
                        new = lanes.get(sq[a][v])
                        less = builder.fcmp_ordered("<", new, before[v])
                        nearer = builder.or_(nearer, builder.bitcast(less, bits))
                        left = builder.select(less, new, before[v])
                        if keep:
                            lanes.store(left, until_now, v * lanes.width)
                        for part, its in enumerate(widened(left)):
                            w = wide.load(share, v * lanes.width + part * wide.width)
                            added = wide.fma(w, its, added)
                    wide.store(added, total)
                    for closer, _ in noted:
                        note = lanes.at(closer, point)
                        found = builder.icmp_unsigned("!=", nearer, bits(0))
                        found = builder.or_(builder.load(note), builder.zext(found, byte))
                        builder.store(found, note)

            if keep:
                some(I64(0), 1)
            else:
                lanes.each(L, some)
        return context.get_dummy_value()

    return emit


_emit_potential, _emit_accept = _emit_left_over(keep=False), _emit_left_over(keep=True)


@intrinsic
def _potential(typing, tile, points, closest, weight, totals, closer):
    refuse(tile.dtype, tile=tile, points=points, closest=closest)
    refuse(types.float64, weight=weight, totals=totals)
    refuse(types.uint8, closer=closer)
    return types.void(tile, points, closest, weight, totals, closer), _emit_potential


def _potential_plainly(tile, points, closest, weight, totals, closer):
    for c, point in enumerate(points):
        left = np.minimum(closest, ((tile - point[:, None]) ** 2).sum(0))
        closer[c] |= (left < closest).any()
        totals[c] += (weight * left).reshape(-1, totals.shape[1]).sum(0)


@intrinsic
def _accept(typing, tile, point, closest, weight, total):
    refuse(tile.dtype, tile=tile, point=point, closest=closest)
    refuse(types.float64, weight=weight, total=total)
    return types.void(tile, point, closest, weight, total), _emit_accept


def _accept_plainly(tile, point, closest, weight, total):
    _potential_plainly(tile, point, closest, weight, total, np.zeros(1, bool))
    closest[:] = np.minimum(closest, ((tile - point[0][:, None]) ** 2).sum(0))


if JIT:
    nearest, two_nearest, remaining = _nearest, _two_nearest, _remaining
    potential, accept = _potential, _accept
else:
    nearest, two_nearest = _nearest_plainly, _two_nearest_plainly
    remaining, potential, accept = _remaining_plainly, _potential_plainly, _accept_plainly
