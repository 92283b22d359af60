"""Which points may be nearest to a row of a box, for a tile of boxes: one lane is one box."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastmix._numba import JIT
from fastmix.kernels.lanes import I32, Lanes, array, i64, refuse
from fastmix.kernels.tiles import TILE_BYTES

BOXES = TILE_BYTES // 8  # in a tile of them; their corners are float64


def _emit_in_reach(context, builder, sig, args):
    lanes = Lanes(builder, types.float64)
    (low, (d, _)), (high, _), (own, _), (far, _), (points, (k, _)) = (
        array(context, builder, kind, value)
        for kind, value in zip(sig.args[:5], args[:5], strict=True)
    )
    margin = lanes.splat(args[5])
    masks, _ = array(context, builder, sig.args[6], args[6])
    vectors = range(0, lanes.rows, lanes.width)
    bits = ir.IntType(lanes.width)
    with lanes.loop(k) as c:
        sums = [[lanes.variable(lanes.zero) for _ in vectors] for _ in range(2)]
        point = lanes.at(points, builder.mul(c, d))
        with lanes.loop(d) as j:
            row = builder.mul(j, i64(lanes.rows))
            place = lanes.splat_at(point, j)
            for v, first in enumerate(vectors):
                here = builder.add(row, i64(first))
                mine, least, most = (lanes.load(values, here) for values in (own, low, high))
                above = builder.fcmp_ordered(">", place, mine)
                corner = builder.select(above, most, least)
                for total, other in zip(sums, (place, mine), strict=True):
                    gap = builder.fsub(corner, other)
                    lanes.add_product(total[v], gap, gap)
        mask = lanes.variable(I32(0))
        for v, first in enumerate(vectors):
            its, best = (lanes.get(total[v]) for total in sums)
            room = builder.fmul(margin, builder.fadd(its, lanes.load(far, first)))
            out = builder.fcmp_ordered(">", builder.fsub(its, best), room)
            word = builder.zext(builder.bitcast(builder.not_(out), bits), I32)
            lanes.set(mask, builder.or_(lanes.get(mask), builder.shl(word, I32(first))))
        builder.store(lanes.get(mask), lanes.at(masks, c))
    return context.get_dummy_value()


@intrinsic
def _in_reach(typing, low, high, own, far, points, margin, masks):
    refuse(types.float64, low=low, high=high, own=own, far=far, points=points)
    refuse(types.uint32, masks=masks)
    return types.void(low, high, own, far, points, types.float64, masks), _emit_in_reach


def _in_reach_plainly(low, high, own, far, points, margin, masks):
    for c, point in enumerate(points[:, :, None]):
        corner = np.where(point > own, high, low)
        its, best = ((corner - point) ** 2).sum(0), ((corner - own) ** 2).sum(0)
        out = its - best > margin * (its + far)
        masks[c] = int((~out << np.arange(BOXES)).sum())


# For every point the boxes, as bits of a mask (k,) uint32, in which it may be as near to a row as the box's
# own point is. Boxes low, high (d, BOXES), their own points (d, BOXES), and far (BOXES,), at least the
# squared distance of any of their rows to these; points (k, d); margin is the relative rounding error of a
# difference of two squared distances. |x - own|^2 - |x - c|^2 is linear in x, so it is greatest in a corner
# (Kanungo et al. 2002, doi:10.1109/TPAMI.2002.1017616).
in_reach = _in_reach if JIT else _in_reach_plainly
