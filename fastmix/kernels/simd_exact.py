"""The inner loop of exact sums, in vectors, beside the plain loop that it equals.

Raw pointers see no bounds: arrays are of the shapes that `columns` and `grids_of` of exact.py make.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from fastmix._numba import JIT
from fastmix.kernels.lanes import I32, I64, Lanes, array, refuse

PADDING = 8  # columns are whole vectors, on every CPU


def _emit_exchange(context, builder, sig, args):
    lanes = Lanes(builder, types.float64)
    (tile, (d, R)), (grids, (_, columns)), (sums, _) = (
        array(context, builder, sig.args[i], args[i]) for i in (0, 5, 6)
    )
    r, w, before, now = args[1:5]
    add, sub = builder.fadd, builder.fsub
    weight, row, slot = lanes.splat(w), lanes.at(tile, r), builder.mul(columns, I64(2))

    def features(first, padded):
        """One vector of a row, from the lanes of its tile; where it is padded, also of 1 and zeros."""
        scalar = ir.DoubleType() if sig.args[0].dtype == types.float64 else ir.FloatType()
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

    whole = builder.sub(columns, I64(PADDING))
    with lanes.loop(whole, 0, lanes.width) as first:
        move(first, padded=False)
    with lanes.loop(columns, whole, lanes.width) as first:
        move(first, padded=True)
    return context.get_dummy_value()


@intrinsic
def _exchange(typing, tile, r, w, before, now, grids, sums):
    refuse(tile.dtype, tile=tile)
    refuse(types.float64, grids=grids, sums=sums)
    if tile.dtype not in (types.float32, types.float64):
        raise TypingError(f"tile must hold float32 or float64, got {tile.dtype}")
    i32, i64 = types.int32, types.int64
    return types.void(tile, i64, types.float64, i32, i32, grids, sums), _emit_exchange


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


exchange = _exchange if JIT else _exchange_plainly
