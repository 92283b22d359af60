"""Products of rows and points that are rounded to bytes: four features of 16 rows in one instruction.

A tile of bytes holds the values of 64 rows, 1 to 255 for -127 to 127, as (d / 4, 64, 4): four features
of a row lie side by side. The plain twins say what is computed.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastmix._numba import JIT
from fastmix.kernels.lanes import I32, I64, SIDE, VECTOR_BYTES, Lanes, array, features, i64, refuse

ROWS, TOGETHER = 64, 4  # rows in a tile of bytes, features in a word
ZERO = 128  # the byte of the value 0


# Without the instruction the same is computed, but slowly.
FAST = VECTOR_BYTES == 64 and "avx512vnni" in features()
MOST_FEATURES = (2**31 - 1) // 127**2  # whose products of bytes an int32 holds


def _add_products(lanes, total, left, right):
    """total + the four products in every lane of unsigned bytes (left) and signed ones (right)."""
    builder, kind = lanes.builder, total.type
    if FAST:
        name = "llvm.x86.avx512.vpdpbusd.512"
        multiply = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind] * 3), name
        )
        return builder.call(multiply, [total, left, right])
    for byte in range(TOGETHER):
        up, down = (ir.Constant(kind, [shift] * kind.count) for shift in (24 - 8 * byte, 24))
        one = builder.lshr(builder.shl(left, up), down)
        other = builder.ashr(builder.shl(right, up), down)
        total = builder.add(total, builder.mul(one, other))
    return total


def _emit_bounds(context, builder, sig, args):
    lanes = Lanes(builder, types.float32)
    (
        (tile, (groups, _, _)), (points, (k, _)), (begin, _), (squares, _), (unit, _), (lost, _),
        (length, _), (factor, _), (row_length, _), (row_lost, _), (out, _), (least, _),
    ) = (
        array(context, builder, kind, value) for kind, value in zip(sig.args, args, strict=True)
    )  # fmt: skip
    words = ir.VectorType(I32, lanes.width)
    tile, points = (builder.bitcast(p, I32.as_pointer()) for p in (tile, points))
    with lanes.loop(ROWS // (SIDE * lanes.width)) as part:
        lane = builder.mul(part, i64(SIDE * lanes.width))
        places = [builder.add(lane, i64(v * lanes.width)) for v in range(SIDE)]
        lowest = [lanes.variable(lanes.splat(lanes.scalar(float("inf")))) for _ in range(SIDE)]

        def some(c, count, places=places, lowest=lowest):
            first = [builder.add(c, I64(a)) for a in range(count)]
            totals = [
                [lanes.variable(lanes.splat_at(begin, point)) for _ in places] for point in first
            ]
            starts = [builder.mul(point, groups) for point in first]
            with lanes.loop(groups) as g:
                row, x = builder.mul(g, i64(ROWS)), []
                for place in places:
                    at = builder.gep(tile, [builder.add(row, place)])
                    x.append(builder.load(builder.bitcast(at, words.as_pointer()), align=4))
                for a in range(count):
                    word = lanes.splat_at(points, builder.add(starts[a], g))
                    for total, four in zip(totals[a], x, strict=True):
                        lanes.set(total, _add_products(lanes, lanes.get(total), four, word))
            for a, point in enumerate(first):
                square, step, away, reach = (
                    lanes.splat_at(of, point) for of in (squares, unit, lost, length)
                )
                to = builder.mul(point, i64(ROWS))
                for v, place in enumerate(places):
                    product = builder.fmul(
                        builder.sitofp(lanes.get(totals[a][v]), lanes.vector), step
                    )
                    value = lanes.fma(product, lanes.load(factor, place), square)
                    off = builder.fmul(lanes.load(row_lost, place), reach)
                    off = lanes.fma(lanes.load(row_length, place), away, off)
                    lanes.store(builder.fsub(value, off), out, builder.add(to, place))
                    above, old = builder.fadd(value, off), lanes.get(lowest[v])
                    less = builder.fcmp_ordered("<", above, old)
                    lanes.set(lowest[v], builder.select(less, above, old))

        lanes.each(k, some)
        for v, place in enumerate(places):
            lanes.store(lanes.get(lowest[v]), least, place)
    return context.get_dummy_value()


@intrinsic
def _bounds(
    typing,
    tile,
    points,
    begin,
    squares,
    unit,
    lost,
    length,
    factor,
    row_length,
    row_lost,
    out,
    least,
):
    refuse(types.uint8, tile=tile)
    refuse(types.int8, points=points)
    refuse(types.int32, begin=begin)
    floats = {"squares": squares, "unit": unit, "lost": lost, "length": length, "factor": factor}
    refuse(types.float32, **floats, row_length=row_length, row_lost=row_lost, out=out, least=least)
    given = (
        tile,
        points,
        begin,
        squares,
        unit,
        lost,
        length,
        factor,
        row_length,
        row_lost,
        out,
        least,
    )
    return types.void(*given), _emit_bounds


def _bounds_plainly(
    tile, points, begin, squares, unit, lost, length, factor, row_length, row_lost, out, least
):
    flat = tile.transpose(1, 0, 2).reshape(ROWS, -1).astype(np.int32)
    products = points.astype(np.int32) @ flat.T + begin[:, None]
    values = squares[:, None] + products * unit[:, None] * factor
    off = row_length * lost[:, None] + row_lost * length[:, None]
    out[:], least[:] = values - off, (values + off).min(0)


def _emit_at_most(context, builder, sig, args):
    lanes = Lanes(builder, types.float32)
    (values, (k, _)), (limit, _), (masks, _) = (
        array(context, builder, kind, value) for kind, value in zip(sig.args, args, strict=True)
    )
    bits, vectors = ir.IntType(lanes.width), range(0, ROWS, lanes.width)
    with lanes.loop(k) as c:
        row, mask = builder.mul(c, i64(ROWS)), I64(0)
        for first in vectors:
            value = lanes.load(values, builder.add(row, i64(first)))
            held = builder.fcmp_ordered("<=", value, lanes.load(limit, first))
            word = builder.zext(builder.bitcast(held, bits), I64)
            mask = builder.or_(mask, builder.shl(word, I64(first)))
        builder.store(mask, lanes.at(masks, c))
    return context.get_dummy_value()


@intrinsic
def _at_most(typing, values, limit, masks):
    refuse(types.float32, values=values, limit=limit)
    refuse(types.uint64, masks=masks)
    return types.void(values, limit, masks), _emit_at_most


def _at_most_plainly(values, limit, masks):
    bits = np.uint64(1) << np.arange(ROWS, dtype=np.uint64)
    masks[:] = ((values <= limit) * bits).sum(1, dtype=np.uint64)


# bounds(tile (d / 4, 64, 4) uint8, points (k, d) int8, begin (k,) int32, squares, unit, lost, length (k,),
#        factor, row_length, row_lost (64,), out (k, 64), least (64,)):
#     squares + unit * factor * (begin + products), minus and plus row_length * lost + row_lost * length:
#     the lower of these of every point and row, and the least of the upper ones of every row.
# at_most(values (k, 64), limit (64,), masks (k,) uint64): bit r of a mask: the value of row r is at most its limit.
if JIT:
    bounds, at_most = _bounds, _at_most
else:
    bounds, at_most = _bounds_plainly, _at_most_plainly
