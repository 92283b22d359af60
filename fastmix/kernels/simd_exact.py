"""The inner loop of exact sums, in vectors, beside the plain loop that it equals.

Raw pointers see no bounds: arrays are of the shapes that `columns` and `grids_of` of exact.py make.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from fastmix._numba import JIT
from fastmix.kernels.lanes import DOUBLES, I32, I64, Lanes, array, refuse

PADDING = 8  # columns are whole vectors, on every CPU


def _emit_exchange(in_lanes):
    """Emitter of an exchange of a row that is a lane of a tile, or a row with 1 and zeros behind it."""

    def emit(context, builder, sig, args):
        lanes = Lanes(builder, types.float64)
        (rows, shape), (grids, (_, columns)), (sums, _) = (
            array(context, builder, sig.args[i], args[i]) for i in (0, 5, 6)
        )
        r, w, before, now = args[1:5]
        add, sub = builder.fadd, builder.fsub
        weight, slot = lanes.splat(w), builder.mul(columns, I64(2))

        def features(first, padded):
            """One vector of the row."""
            if in_lanes:
                return _gathered(lanes, sig.args[0].dtype, lanes.at(rows, r), shape, first, padded)
            return lanes.load(lanes.at(rows, builder.add(builder.mul(r, columns), first)))

        def move(first, padded):
            term = builder.fmul(weight, features(first, padded))
            coarse, fine = (lanes.load(lanes.at(grids, first), part) for part in (0, columns))
            above = sub(add(term, coarse), coarse)
            below = sub(add(sub(term, above), fine), fine)

            def change(cluster, by):
                start = builder.mul(builder.sext(cluster, I64), slot)
                here = lanes.at(sums, builder.add(start, first))
                for value, part in ((above, 0), (below, columns)):
                    lanes.store(by(lanes.load(here, part), value), here, part)

            change(now, add)
            with builder.if_then(builder.icmp_signed(">=", before, I32(0))):
                change(before, sub)

        whole = builder.sub(columns, I64(PADDING)) if in_lanes else columns
        with lanes.loop(whole, 0, lanes.width) as first:
            move(first, padded=False)
        with lanes.loop(columns, whole, lanes.width) as first:
            move(first, padded=True)
        return context.get_dummy_value()

    return emit


def _gathered(lanes, dtype, row, shape, first, padded):
    """One vector of features from a lane of a tile; where it is padded, also of 1 and zeros."""
    builder, (d, R) = lanes.builder, shape
    scalar = ir.DoubleType() if dtype == types.float64 else ir.FloatType()
    vector = ir.Constant(ir.VectorType(scalar, lanes.width), ir.Undefined)
    for lane in range(lanes.width):
        j = builder.add(first, I64(lane))
        there = builder.icmp_signed("<", j, d)
        at = builder.select(there, j, I64(0)) if padded else j
        x = builder.load(lanes.at(row, builder.mul(at, R)))
        if padded:
            last = builder.icmp_signed("==", j, d)
            other = builder.select(last, ir.Constant(scalar, 1), ir.Constant(scalar, 0))
            x = builder.select(there, x, other)
        vector = builder.insert_element(vector, x, I32(lane))
    return vector if scalar == lanes.scalar else builder.fpext(vector, lanes.vector)


_emit_lane, _emit_row = _emit_exchange(in_lanes=True), _emit_exchange(in_lanes=False)


@intrinsic
def _exchange(typing, tile, r, w, before, now, grids, sums):
    refuse(tile.dtype, tile=tile)
    refuse(types.float64, grids=grids, sums=sums)
    if tile.dtype not in (types.float32, types.float64):
        raise TypingError(f"tile must hold float32 or float64, got {tile.dtype}")
    i32, i64 = types.int32, types.int64
    return types.void(tile, i64, types.float64, i32, i32, grids, sums), _emit_lane


def _exchange_plainly(tile, r, w, before, now, grids, sums):
    """Take one row from the sums of a cluster to those of another, exactly.

    tile (d, R), its lane r, its weight w, the cluster `before` (-1: none) that it leaves and `now` that
    it joins; grids (2, columns) and sums (k, 2, columns) float64: d features, the weight, and padding.
    """
    d = len(tile)
    coarse, fine = grids
    values = np.zeros(grids.shape[1])
    values[:d], values[d] = tile[:, r], 1.0
    above = (w * values + coarse) - coarse
    below = ((w * values - above) + fine) - fine
    sums[now] += np.stack([above, below])
    if before >= 0:
        sums[before] -= np.stack([above, below])


@intrinsic
def _exchange_row(typing, rows, r, w, before, now, grids, sums):
    refuse(types.float64, rows=rows, grids=grids, sums=sums)
    i32, i64 = types.int32, types.int64
    return types.void(rows, i64, types.float64, i32, i32, grids, sums), _emit_row


def _exchange_row_plainly(rows, r, w, before, now, grids, sums):
    """The same for row r of rows (m, columns): its features, 1, and zeros."""
    d = np.flatnonzero(rows[r] == 1)[-1]
    _exchange_plainly(rows[r, :d, None], 0, w, before, now, grids, sums)


def _widened(lanes, dtype, pointer, index):
    """A vector of doubles from numbers of either dtype."""
    builder, size = lanes.builder, dtype.bitwidth // 8
    if size == lanes.size:
        return lanes.load(pointer, index)
    kind = ir.VectorType(ir.FloatType(), lanes.width)
    at = builder.bitcast(lanes.at(pointer, index), kind.as_pointer())
    return builder.fpext(builder.load(at, align=size), lanes.vector)


def _emit_turn(context, builder, sig, args):
    lanes = Lanes(builder, types.float64)
    (tile, (d, R)), (rows, (_, columns)) = (
        array(context, builder, kind, value) for kind, value in zip(sig.args, args, strict=True)
    )
    W = lanes.width
    whole = builder.mul(builder.sdiv(d, I64(W)), I64(W))
    with lanes.loop(whole, 0, W) as j, lanes.loop(R, 0, W) as r:
        block = []
        for lane in range(W):
            at = builder.add(builder.mul(builder.add(j, I64(lane)), R), r)
            block.append(_widened(lanes, sig.args[0].dtype, tile, at))
        step = W // 2
        while step:  # numbers of rows and of columns exchange one bit after the other
            for i in (i for i in range(W) if not i & step):
                one, other = block[i], block[i + step]
                first = [c if not c & step else W + c - step for c in range(W)]
                second = [c + step if not c & step else W + c for c in range(W)]
                block[i] = lanes.pick(one, other, first)
                block[i + step] = lanes.pick(one, other, second)
            step //= 2
        for lane, x in enumerate(block):
            to = builder.add(builder.mul(builder.add(r, I64(lane)), columns), j)
            lanes.store(x, rows, to)
    return context.get_dummy_value()


@intrinsic
def _turn(typing, tile, rows):
    refuse(tile.dtype, tile=tile)
    refuse(types.float64, rows=rows)
    return types.void(tile, rows), _emit_turn


def _turn_plainly(tile, rows):
    """Rows (R, >= d) float64 of a tile (d, R), as many of the first features as fill vectors."""
    whole = len(tile) // DOUBLES * DOUBLES
    rows[:, :whole] = tile[:whole].T


def _emit_move(context, builder, sig, args):
    lanes = Lanes(builder, types.float64)
    (tile, (d, R)), (weights, _), (grids, (_, columns)), (sums, _) = (
        array(context, builder, sig.args[i], args[i]) for i in (0, 1, 4, 5)
    )
    before, now = args[2:4]
    add, sub, slot = builder.fadd, builder.fsub, builder.mul(columns, I64(2))

    def move(j, value):
        """Add up one column, which is value(r) in the lanes from r on."""
        coarse, fine = (lanes.splat_at(lanes.at(grids, j), part) for part in (0, columns))
        totals = [lanes.variable(lanes.zero) for _ in range(2)]
        with lanes.loop(R, 0, lanes.width) as r:
            weight = lanes.load(weights, r)
            term = weight if value is None else builder.fmul(weight, value(r))
            above = sub(add(term, coarse), coarse)
            below = sub(add(sub(term, above), fine), fine)
            for total, part in zip(totals, (above, below), strict=True):
                lanes.set(total, add(lanes.get(total), part))
        both = lanes.sum_four([lanes.get(total) for total in totals])

        def change(cluster, by):
            here = lanes.at(sums, builder.add(builder.mul(builder.sext(cluster, I64), slot), j))
            for part, offset in enumerate((0, columns)):
                place = lanes.at(here, offset)
                total = builder.extract_element(both, I32(part))
                builder.store(by(builder.load(place), total), place)

        change(now, add)
        with builder.if_then(builder.icmp_signed(">=", before, I32(0))):
            change(before, sub)

    with lanes.loop(d) as j:
        row = lanes.at(tile, builder.mul(j, R))
        move(j, lambda r: _widened(lanes, sig.args[0].dtype, row, r))
    move(d, None)
    return context.get_dummy_value()


@intrinsic
def _move(typing, tile, weight, before, now, grids, sums):
    refuse(tile.dtype, tile=tile)
    refuse(types.float64, weight=weight, grids=grids, sums=sums)
    i32 = types.int32
    return types.void(tile, weight, i32, i32, grids, sums), _emit_move


def _move_plainly(tile, weight, before, now, grids, sums):
    """Take all rows of a tile from the sums of a cluster to those of another, exactly.

    A row counts with its weight (R,), which may be 0, and less than nothing: it then goes the other way.
    tile (d, R), grids and sums as for an exchange.
    """
    for r, w in enumerate(weight):
        _exchange_plainly(tile, r, w, before, now, grids, sums)


if JIT:
    exchange, exchange_row, move, turn = _exchange, _exchange_row, _move, _turn
else:
    exchange, exchange_row = _exchange_plainly, _exchange_row_plainly
    move, turn = _move_plainly, _turn_plainly
