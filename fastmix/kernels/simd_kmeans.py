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


def _emit_nearest(context, builder, sig, args):
    lanes = Lanes(builder, sig.args[0].dtype)
    (tile, (d, _)), (centers, (k, _)), (labels, _), (best, _) = (
        array(context, builder, sig.args[i], args[i]) for i in range(4)
    )
    mul, add = builder.mul, builder.add
    whole = ir.IntType(8 * lanes.size)  # labels as wide as the distances, while in registers
    with lanes.loop(lanes.groups) as g:
        lane = mul(g, I64(SIDE * lanes.width))
        rows = lanes.at(tile, lane)
        infinite = lanes.splat(lanes.scalar(float("inf")))
        nobody = ir.Constant(ir.VectorType(whole, lanes.width), None)
        least = [lanes.variable(infinite) for _ in range(SIDE)]
        index = [lanes.variable(nobody) for _ in range(SIDE)]

        def some(c, count, rows=rows, least=least, index=index):
            sq = _distances(lanes, rows, d, centers, c, count)
            for a in range(count):
                label = add(c, I64(a))
                label = builder.trunc(label, whole) if lanes.size < 8 else label
                label = lanes.splat(label)
                for v in range(SIDE):
                    new, old = lanes.get(sq[a][v]), lanes.get(least[v])
                    closer = builder.fcmp_ordered("<", new, old)
                    lanes.set(least[v], builder.select(closer, new, old))
                    lanes.set(index[v], builder.select(closer, label, lanes.get(index[v])))

        lanes.each(k, some)
        for v in range(SIDE):
            here = add(lane, I64(v * lanes.width))
            label = lanes.get(index[v])
            if lanes.size > 4:
                label = builder.trunc(label, ir.VectorType(I32, lanes.width))
            lanes.store(label, labels, here, size=4)
            lanes.store(lanes.get(least[v]), best, here)
    return context.get_dummy_value()


@intrinsic
def _nearest(typing, tile, centers, labels, best):
    refuse(tile.dtype, tile=tile, centers=centers, best=best)
    refuse(types.int32, labels=labels)
    return types.void(tile, centers, labels, best), _emit_nearest


def _nearest_plainly(tile, centers, labels, best):
    best[:], labels[:] = np.inf, 0
    for c, center in enumerate(centers):
        sq_dist = ((tile - center[:, None]) ** 2).sum(0)
        closer = sq_dist < best
        best[closer], labels[closer] = sq_dist[closer], c


def _emit_remaining(context, builder, sig, args):
    lanes = Lanes(builder, sig.args[0].dtype)
    (tile, (d, _)), (points, (L, _)), (closest, _), (left, _) = (
        array(context, builder, sig.args[i], args[i]) for i in range(4)
    )
    mul, add = builder.mul, builder.add
    with lanes.loop(lanes.groups) as g:
        lane = mul(g, I64(SIDE * lanes.width))
        rows, until_now = lanes.at(tile, lane), lanes.at(closest, lane)
        before = [lanes.load(until_now, v * lanes.width) for v in range(SIDE)]

        def some(c, count, lane=lane, rows=rows, before=before):
            sq = _distances(lanes, rows, d, points, c, count)
            for a in range(count):
                to = lanes.at(left, add(mul(add(c, I64(a)), I64(lanes.rows)), lane))
                for v in range(SIDE):
                    new = lanes.get(sq[a][v])
                    closer = builder.fcmp_ordered("<", new, before[v])
                    lanes.store(builder.select(closer, new, before[v]), to, v * lanes.width)

        lanes.each(L, some)
    return context.get_dummy_value()


@intrinsic
def _remaining(typing, tile, points, closest, left):
    refuse(tile.dtype, tile=tile, points=points, closest=closest, left=left)
    return types.void(tile, points, closest, left), _emit_remaining


def _remaining_plainly(tile, points, closest, left):
    for c, point in enumerate(points):
        left[c] = np.minimum(closest, ((tile - point[:, None]) ** 2).sum(0))


if JIT:
    nearest, remaining = _nearest, _remaining
else:
    nearest, remaining = _nearest_plainly, _remaining_plainly
