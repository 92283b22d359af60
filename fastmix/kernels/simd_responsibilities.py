"""Log-probabilities to responsibilities in registers, beside the plain loop that it equals.

As in simd_log_prob.py: raw pointers see no bounds, so layouts and dtypes are refused here when a kernel
is compiled, and shapes by engine/passes.py before it is called.
"""

import functools

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastmix._numba import JIT, kernel
from fastmix.kernels import exponential as f64
from fastmix.kernels.lanes import I64, SIDE, Lanes, array, refuse

# (exp(r) - 1 - r) / r**2 on |r| <= ln(2) / 2 in float32, Chebyshev fit; error of exp 1e-8
E32 = (0.5000000013470307, 0.16666576967, 0.0416664648953, 0.00836318154467, 0.0013933652488)
E64 = (f64.E0, f64.E1, f64.E2, f64.E3, f64.E4, f64.E5, f64.E6, f64.E7, f64.E8, f64.E9)
# By bytes a number: coefficients, ln 2 in two parts, 1.5 * 2**(mantissa bits), least argument,
# bits of the mantissa, bias of the exponent, and a number below every log-probability
EXP = {
    8: (E64, f64.LN2_HIGH, f64.LN2_LOW, f64.ROUND, f64.SMALLEST, 52, 1023, -1e308),
    4: (E32, 0.693359375, -2.12194440054690583e-4, 12582912.0, -87.0, 23, 127, -3e38),
}


def _exp(lanes, x):
    """exp(x) of a vector, x at most 0, within 2 ulp; 0 below the least argument."""
    coefficients, high, low, rounder, least, bits, bias, _ = EXP[lanes.size]
    builder, fma = lanes.builder, lanes.fma

    def constant(value):
        return lanes.splat(lanes.scalar(value))

    inside = builder.fcmp_ordered(">=", x, constant(least))
    x = builder.select(inside, x, constant(least))
    shifted = fma(x, constant(f64.LOG2_E), constant(rounder))
    n = builder.fsub(shifted, constant(rounder))
    r = fma(n, constant(-low), fma(n, constant(-high), x))
    p = constant(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        p = fma(p, r, constant(coefficient))
    y = fma(p, builder.fmul(r, r), builder.fadd(r, constant(1.0)))
    integer = ir.IntType(8 * lanes.size)
    integers = ir.VectorType(integer, lanes.width)
    power = builder.bitcast(shifted, integers)
    power = builder.add(power, lanes.splat(integer(bias)))
    power = builder.bitcast(builder.shl(power, lanes.splat(integer(bits))), lanes.vector)
    return builder.select(inside, builder.fmul(y, power), lanes.zero)


def _widen(lanes, place, value, g, comparison):
    """Store a value, or keep what the first register tiles of the same tile have found, if more extreme."""
    builder = lanes.builder
    first = builder.icmp_signed("==", g, I64(0))
    before = builder.load(place)
    replaced = builder.or_(first, builder.fcmp_ordered(comparison, value, before))
    builder.store(builder.select(replaced, value, before), place)


def _emit_respond(context, builder, sig, args):
    lanes = Lanes(builder, sig.args[0].dtype)
    (
        (out, (_, width)),
        (members, (_, k)),
        (sizes, _),
        (reach, _),
        (weight, _),
        (top, _),
        (total, _),
        (holds, (_, group)),
        (extremes, (n_extremes, _, _)),
    ) = (array(context, builder, sig.args[i], args[i]) for i in (0, 2, 3, 4, 5, 6, 7, 8, 9))
    mul, add = builder.mul, builder.add
    doubles = ir.VectorType(lanes.double, lanes.width)
    lowest = lanes.splat(lanes.scalar(EXP[lanes.size][-1]))
    bits = ir.IntType(lanes.width)

    def as_doubles(value):
        return value if lanes.size == 8 else builder.fpext(value, doubles)

    with lanes.loop(args[1]) as t, lanes.loop(lanes.groups) as g:
        lane = add(mul(t, I64(lanes.rows)), mul(g, I64(SIDE * lanes.width)))
        names, size = lanes.at(members, mul(t, k)), builder.load(lanes.at(sizes, t))

        def rows_of(i, names=names, lane=lane):
            c = builder.load(lanes.at(names, i))
            return c, lanes.at(out, add(mul(c, width), lane))

        def either(x, y, comparison):
            return builder.select(builder.fcmp_ordered(comparison, x, y), x, y)

        largest = [lanes.variable(lowest) for _ in range(SIDE)]
        with lanes.loop(size) as i:
            _, at = rows_of(i)
            own = [lanes.load(at, v * lanes.width) for v in range(SIDE)]
            for x, most in zip(own, largest, strict=True):
                lanes.set(most, either(x, lanes.get(most), ">"))
            with builder.if_then(builder.icmp_signed(">", n_extremes, I64(0))):
                of = add(mul(mul(t, k), I64(2)), mul(i, I64(2)))
                for side, (comparison, keep) in enumerate(((">", True), ("<", False))):
                    value = lanes.extreme(
                        functools.reduce(lambda x, y, c=comparison: either(x, y, c), own), keep
                    )
                    place = lanes.at(extremes, add(of, I64(side)))
                    _widen(lanes, place, value, g, comparison)
        sums = [lanes.variable(lanes.zero) for _ in range(SIDE)]
        with lanes.loop(size) as i:
            c, at = rows_of(i)
            limit = lanes.splat_at(reach, c)
            gaps = [
                builder.fsub(lanes.load(at, v * lanes.width), lanes.get(largest[v]))
                for v in range(SIDE)
            ]
            near = bits(0)
            for gap in gaps:
                near = builder.or_(
                    near, builder.bitcast(builder.fcmp_ordered(">", gap, limit), bits)
                )
            with builder.if_else(builder.icmp_unsigned("!=", near, bits(0))) as (some, none):
                with some:
                    for v, gap in enumerate(gaps):
                        e = _exp(lanes, gap)
                        lanes.store(e, at, v * lanes.width)
                        lanes.set(sums[v], builder.fadd(lanes.get(sums[v]), e))
                    flag = lanes.at(holds, add(mul(c, group), t))
                    builder.store(ir.IntType(8)(1), flag)
                with none:
                    for v in range(SIDE):
                        lanes.store(lanes.zero, at, v * lanes.width)
        shares = []
        for v in range(SIDE):
            sum_, start = lanes.get(sums[v]), add(lane, I64(v * lanes.width))
            lanes.store(as_doubles(lanes.get(largest[v])), top, start, size=8)
            lanes.store(as_doubles(sum_), total, start, size=8)
            held = builder.load(
                builder.bitcast(lanes.at(weight, start), doubles.as_pointer()), align=8
            )
            held = held if lanes.size == 8 else builder.fptrunc(held, lanes.vector)
            reached = builder.fcmp_ordered(">", sum_, lanes.zero)
            safe = builder.select(reached, sum_, lanes.splat(lanes.scalar(1.0)))
            shares.append(builder.fdiv(held, safe))
        with lanes.loop(size) as i:
            c, at = rows_of(i)
            flag = builder.load(lanes.at(holds, add(mul(c, group), t)))
            with builder.if_then(builder.icmp_unsigned("!=", flag, ir.IntType(8)(0))):
                for v in range(SIDE):
                    x = lanes.load(at, v * lanes.width)
                    lanes.store(builder.fmul(x, shares[v]), at, v * lanes.width)
    return context.get_dummy_value()


@intrinsic
def _respond(typing, log_prob, n_tiles, members, sizes, reach, weight, top, total, holds, extremes):
    refuse(log_prob.dtype, log_prob=log_prob, reach=reach, extremes=extremes)
    refuse(types.float64, weight=weight, top=top, total=total)
    refuse(types.int64, members=members, sizes=sizes)
    refuse(types.uint8, holds=holds)
    arrays = (members, sizes, reach, weight, top, total, holds, extremes)
    return types.void(log_prob, types.int64, *arrays), _emit_respond


def _respond_plainly(log_prob, n_tiles, members, sizes, reach, weight, top, total, holds, extremes):
    _, _, _, _, least, _, _, lowest = EXP[log_prob.itemsize]
    R = top.size // holds.shape[1]
    for t in range(n_tiles):
        rows, named = slice(t * R, (t + 1) * R), members[t, : sizes[t]]
        own = log_prob[named, rows]
        if len(extremes):
            extremes[t, : sizes[t], 0], extremes[t, : sizes[t], 1] = own.max(1), own.min(1)
        top[rows] = np.maximum(own.max(0, initial=lowest), lowest)
        gaps = own - top[rows].astype(own.dtype)
        held = (gaps > reach[named, None]).any(1)
        e = np.exp(np.maximum(gaps, least), dtype=np.float64)
        e = np.where(held[:, None] & (gaps >= least), e, 0.0)
        total[rows] = e.sum(0)
        log_prob[named, rows] = e * (weight[rows] / np.where(total[rows] > 0, total[rows], 1.0))
        holds[named[held], t] = 1


_emitted_or_plain = _respond if JIT else _respond_plainly


@kernel(inline=True)
def respond(
    log_prob,  # in/out  (k, >= rows) log-probabilities to weight times responsibilities
    n_tiles,  # in      tiles of the group
    members,  # in      (>= n_tiles, k) int64, components of a tile
    sizes,  # in      (>= n_tiles,) int64, how many these are
    reach,  # in      (k,) how far below a row's best log-probability a component still matters
    weight,  # in      (rows,) float64
    top,  # out     (>= rows,) float64, the best log-probability of every row
    total,  # out     (>= rows,) float64, sum of exp(log_prob - top)
    holds,  # out     (k, >= n_tiles) uint8, whether a component matters to any row of a tile
    extremes,  # out     (>= n_tiles, k, 2) largest and least log_prob of every member; (0, k, 2): none
):
    """Share out every row by its log-probabilities, exactly 0 where nothing of a tile is in reach.

    A row too far from every component for its dtype gets total 0 and responsibilities 0.
    """
    holds[:] = 0
    _emitted_or_plain(log_prob, n_tiles, members, sizes, reach, weight, top, total, holds, extremes)
