"""The inner loops of mixtures, tiled in registers, each beside the plain loop that it equals.

LLVM vectorises the plain loops but keeps their accumulators in memory, at a third of the speed. Here
four values by SIDE vectors of rows stay in registers. Raw pointers see no bounds: layouts and dtypes are
refused here when a kernel is compiled, shapes by engine/em.py before it is called. Of rows (k, >= rows)
those of tiles first to last are read or written, from the beginning.
"""

import numpy as np
from numba import types
from numba.extending import intrinsic

from fastmix._numba import JIT
from fastmix.kernels.lanes import I32, I64, SIDE, Lanes, array, refuse


def _bounded(lanes, value, sq_norm):
    """value, or -inf in lanes whose squared distance overflowed or is not a number."""
    inside = lanes.builder.fcmp_ordered("<", sq_norm, lanes.splat(lanes.scalar(float("inf"))))
    return lanes.builder.select(inside, value, lanes.splat(lanes.scalar(float("-inf"))))


def _rows_of_product(lanes, rows, matrix, d, j, count, mean):
    """Features j.. of W (x - mean) for SIDE vectors of rows x, from W's rows j.. up to the diagonal."""
    builder, mul, add = lanes.builder, lanes.builder.mul, lanes.builder.add
    y = [[lanes.variable(lanes.zero) for _ in range(SIDE)] for _ in range(count)]

    def column(i, below):
        at = lanes.at(rows, mul(i, I64(lanes.rows)))
        x = [lanes.load(at, v * lanes.width) for v in range(SIDE)]
        if mean is not None:
            m = lanes.splat_at(mean, i)
            x = [builder.fsub(value, m) for value in x]
        for a in range(below, count):
            w = lanes.splat_at(matrix, add(mul(I64(a), d), i))
            for v in range(SIDE):
                lanes.add_product(y[a][v], w, x[v])

    with lanes.loop(j) as i:
        column(i, 0)
    for a in range(count):  # the corner of the triangle
        column(add(j, I64(a)), a)
    return [[lanes.get(place) for place in row] for row in y]


def _emit_whitened(context, builder, sig, args):
    lanes = Lanes(builder, sig.args[0].dtype)
    (tiles, (_, d, _)), (means, (k, _)), (W, _), (bias, _), (out, (_, width)) = (
        array(context, builder, sig.args[i], args[i]) for i in (0, 3, 4, 5, 6)
    )
    first, last, R = args[1], args[2], I64(lanes.rows)
    half = lanes.splat(lanes.scalar(-0.5))
    mul, add, sub = builder.mul, builder.add, builder.sub
    with lanes.loop(k) as c:
        mean, matrix = lanes.at(means, mul(c, d)), lanes.at(W, mul(c, mul(d, d)))
        constant = lanes.splat_at(bias, c)
        with lanes.loop(last, first) as t, lanes.loop(lanes.groups) as g:
            lane = mul(g, I64(SIDE * lanes.width))
            rows = lanes.at(tiles, add(mul(mul(t, d), R), lane))
            sq_norm = [lanes.variable(lanes.zero) for _ in range(SIDE)]

            def features(j, count, mean=mean, matrix=matrix, rows=rows, sq_norm=sq_norm):
                of = lanes.at(matrix, mul(j, d))
                for row in _rows_of_product(lanes, rows, of, d, j, count, mean):
                    for place, value in zip(sq_norm, row, strict=True):
                        lanes.add_product(place, value, value)

            lanes.each(d, features)
            to = lanes.at(out, add(mul(c, width), add(mul(sub(t, first), R), lane)))
            for v in range(SIDE):
                sq = lanes.get(sq_norm[v])
                value = _bounded(lanes, lanes.fma(half, sq, constant), sq)
                lanes.store(value, to, v * lanes.width)
    return context.get_dummy_value()


@intrinsic
def _whitened_log_prob(typing, tiles, first, last, means, W, bias, out):
    refuse(tiles.dtype, tiles=tiles, means=means, W=W, bias=bias, out=out)
    kinds = (tiles, types.int64, types.int64, means, W, bias, out)
    return types.void(*kinds), _emit_whitened


def _whitened_log_prob_plainly(tiles, first, last, means, W, bias, out):
    R = tiles.shape[2]
    for c in range(len(means)):
        for t in range(first, last):
            y = W[c] @ (tiles[t] - means[c][:, None])
            sq_norm = (y * y).sum(0)
            value = np.where(sq_norm < np.inf, bias[c] - sq_norm / 2, -np.inf)
            out[c, (t - first) * R : (t - first + 1) * R] = value


def _emit_gaps(by_feature):
    """Emitter of log-probabilities for inverse standard deviations by feature, (k, d), or not, (k,)."""

    def emit(context, builder, sig, args):
        lanes = Lanes(builder, sig.args[0].dtype)
        (tiles, (_, d, _)), (points, (k, _)), (scale, _), (bias, _), (out, (_, width)) = (
            array(context, builder, sig.args[i], args[i]) for i in (0, 3, 4, 5, 6)
        )
        first, last, R = args[1], args[2], I64(lanes.rows)
        half = lanes.splat(lanes.scalar(-0.5))
        mul, add, sub = builder.mul, builder.add, builder.sub
        with lanes.loop(last, first) as t, lanes.loop(lanes.groups) as g:
            lane = mul(g, I64(SIDE * lanes.width))
            rows = lanes.at(tiles, add(mul(mul(t, d), R), lane))

            def some(c, count, t=t, lane=lane, rows=rows):
                sq = [[lanes.variable(lanes.zero) for _ in range(SIDE)] for _ in range(count)]
                start = [mul(add(c, I64(a)), d) for a in range(count)]
                if not by_feature:
                    shared = [lanes.splat_at(scale, add(c, I64(a))) for a in range(count)]
                with lanes.loop(d) as j:
                    x = lanes.at(rows, mul(j, R))
                    x = [lanes.load(x, v * lanes.width) for v in range(SIDE)]
                    for a in range(count):
                        p = lanes.splat_at(points, add(start[a], j))
                        s = lanes.splat_at(scale, add(start[a], j)) if by_feature else shared[a]
                        for v in range(SIDE):
                            gap = builder.fmul(builder.fsub(x[v], p), s)
                            lanes.add_product(sq[a][v], gap, gap)
                for a in range(count):
                    component = add(c, I64(a))
                    constant = lanes.splat_at(bias, component)
                    to = lanes.at(out, add(mul(component, width), add(mul(sub(t, first), R), lane)))
                    for v in range(SIDE):
                        total = lanes.get(sq[a][v])
                        value = _bounded(lanes, lanes.fma(half, total, constant), total)
                        lanes.store(value, to, v * lanes.width)

            lanes.each(k, some)
        return context.get_dummy_value()

    return emit


@intrinsic
def _diagonal_log_prob(typing, tiles, first, last, means, scale, bias, out):
    refuse(tiles.dtype, tiles=tiles, means=means, scale=scale, bias=bias, out=out)
    kinds = (tiles, types.int64, types.int64, means, scale, bias, out)
    return types.void(*kinds), _emit_gaps(True)


def _diagonal_log_prob_plainly(tiles, first, last, means, scale, bias, out):
    R = tiles.shape[2]
    for c in range(len(means)):
        for t in range(first, last):
            y = (tiles[t] - means[c][:, None]) * scale[c][:, None]
            sq_norm = (y * y).sum(0)
            value = np.where(sq_norm < np.inf, bias[c] - sq_norm / 2, -np.inf)
            out[c, (t - first) * R : (t - first + 1) * R] = value


@intrinsic
def _spherical_log_prob(typing, tiles, first, last, means, scale, bias, out):
    refuse(tiles.dtype, tiles=tiles, means=means, scale=scale, bias=bias, out=out)
    kinds = (tiles, types.int64, types.int64, means, scale, bias, out)
    return types.void(*kinds), _emit_gaps(False)


def _spherical_log_prob_plainly(tiles, first, last, means, scale, bias, out):
    d = means.shape[1]
    _diagonal_log_prob_plainly(tiles, first, last, means, scale[:, None] * np.ones(d), bias, out)


def _emit_moments(context, builder, sig, args):
    lanes = Lanes(builder, sig.args[0].dtype)
    (
        (tiles, (_, d, _)),
        (means, (k, _)),
        (resp, (_, width)),
        (counts, _),
        (sums, _),
        (scatter, _),
    ) = (array(context, builder, sig.args[i], args[i]) for i in (0, 3, 4, 5, 6, 7))
    first, last, R = args[1], args[2], I64(lanes.rows)
    mul, add, sub = builder.mul, builder.add, builder.sub
    with lanes.loop(k) as c:
        mean, share = lanes.at(means, mul(c, d)), lanes.at(resp, mul(c, width))
        to_sums, to_scatter = lanes.at(sums, mul(c, d)), lanes.at(scatter, mul(c, mul(d, d)))

        def block(j, count, i, columns, corner, mean=mean, share=share, c=c):
            """Rows j.. of the second moments by columns i..; the corner brings the first moments."""
            at_j = [lanes.splat_at(mean, add(j, I64(a))) for a in range(count)]
            at_i = [lanes.splat_at(mean, add(i, I64(b))) for b in range(columns)]
            second = [
                [lanes.variable(lanes.zero) for _ in range(a + 1 if corner else columns)]
                for a in range(count)
            ]
            one = [lanes.variable(lanes.zero) for _ in range(count)]
            total = lanes.variable(lanes.zero)
            with lanes.loop(last, first) as t:
                rows = lanes.at(tiles, mul(mul(t, d), R))
                weights = lanes.at(share, mul(sub(t, first), R))
                with lanes.loop(R, 0, lanes.width) as lane:

                    def gap(feature, m):
                        x = lanes.load(rows, add(mul(feature, R), lane))
                        return builder.fsub(x, m)

                    r = lanes.load(weights, lane)
                    left = [gap(add(j, I64(a)), at_j[a]) for a in range(count)]
                    right = (
                        left if corner else [gap(add(i, I64(b)), at_i[b]) for b in range(columns)]
                    )
                    for a in range(count):
                        weighted = builder.fmul(r, left[a])
                        for place, x in zip(second[a], right, strict=False):
                            lanes.add_product(place, weighted, x)
                        if corner:
                            lanes.set(one[a], builder.fadd(lanes.get(one[a]), weighted))
                    if corner:
                        lanes.set(total, builder.fadd(lanes.get(total), r))
            for a in range(count):
                to = lanes.at(to_scatter, add(mul(add(j, I64(a)), d), i))
                _add_totals(lanes, [lanes.get(place) for place in second[a]], to)
            if corner:
                _add_totals(lanes, [lanes.get(place) for place in one], lanes.at(to_sums, j))
                with builder.if_then(builder.icmp_signed("==", j, I64(0))):
                    _add_totals(lanes, [lanes.get(total)], lanes.at(counts, c))

        def features(j, count, block=block):
            with lanes.loop(j, 0, SIDE) as i:  # as many columns as the registers bear
                block(j, count, i, SIDE, False)
            block(j, count, j, count, True)

        lanes.each(d, features)
    return context.get_dummy_value()


def _add_totals(lanes, vectors, to):
    """Add the totals of up to four vectors to float64 numbers that lie side by side."""
    totals = lanes.sum_four(vectors)
    for index in range(len(vectors)):
        value = lanes.builder.extract_element(totals, I32(index))
        if lanes.size == 4:
            value = lanes.builder.fpext(value, lanes.double)
        place = lanes.at(to, index)
        lanes.builder.store(lanes.builder.fadd(lanes.builder.load(place), value), place)


@intrinsic
def _add_moments(typing, tiles, first, last, means, resp, counts, sums, scatter):
    refuse(tiles.dtype, tiles=tiles, means=means, resp=resp)
    refuse(types.float64, counts=counts, sums=sums, scatter=scatter)
    kinds = (tiles, types.int64, types.int64, means, resp, counts, sums, scatter)
    return types.void(*kinds), _emit_moments


def _add_moments_plainly(tiles, first, last, means, resp, counts, sums, scatter):
    R = tiles.shape[2]
    for c in range(len(means)):
        for t in range(first, last):
            z, r = tiles[t] - means[c][:, None], resp[c, (t - first) * R : (t - first + 1) * R]
            counts[c] += r.sum()
            sums[c] += z @ r
            scatter[c] += np.tril((r * z) @ z.T)


def _emit_variances(context, builder, sig, args):
    lanes = Lanes(builder, sig.args[0].dtype)
    (
        (tiles, (_, d, _)),
        (means, (k, _)),
        (resp, (_, width)),
        (counts, _),
        (sums, _),
        (scatter, _),
    ) = (array(context, builder, sig.args[i], args[i]) for i in (0, 3, 4, 5, 6, 7))
    first, last, R = args[1], args[2], I64(lanes.rows)
    mul, add, sub = builder.mul, builder.add, builder.sub
    with lanes.loop(k) as c:
        start, share = mul(c, d), lanes.at(resp, mul(c, width))

        def features(j, count, start=start, share=share, c=c):
            here = add(start, j)
            m = [lanes.splat_at(means, add(here, I64(a))) for a in range(count)]
            one = [lanes.variable(lanes.zero) for _ in range(count)]
            two = [lanes.variable(lanes.zero) for _ in range(count)]
            total = lanes.variable(lanes.zero)
            with lanes.loop(last, first) as t:
                rows = lanes.at(tiles, mul(add(mul(t, d), j), R))
                weights = lanes.at(share, mul(sub(t, first), R))
                with lanes.loop(R, 0, lanes.width) as lane:
                    r = lanes.load(weights, lane)
                    for a in range(count):
                        x = lanes.load(rows, add(mul(I64(a), R), lane))
                        gap = builder.fsub(x, m[a])
                        weighted = builder.fmul(r, gap)
                        lanes.set(one[a], builder.fadd(lanes.get(one[a]), weighted))
                        lanes.add_product(two[a], weighted, gap)
                    lanes.set(total, builder.fadd(lanes.get(total), r))
            _add_totals(lanes, [lanes.get(place) for place in one], lanes.at(sums, here))
            _add_totals(lanes, [lanes.get(place) for place in two], lanes.at(scatter, here))
            with builder.if_then(builder.icmp_signed("==", j, I64(0))):
                _add_totals(lanes, [lanes.get(total)], lanes.at(counts, c))

        lanes.each(d, features)
    return context.get_dummy_value()


@intrinsic
def _add_diagonal_moments(typing, tiles, first, last, means, resp, counts, sums, scatter):
    refuse(tiles.dtype, tiles=tiles, means=means, resp=resp)
    refuse(types.float64, counts=counts, sums=sums, scatter=scatter)
    kinds = (tiles, types.int64, types.int64, means, resp, counts, sums, scatter)
    return types.void(*kinds), _emit_variances


def _add_diagonal_moments_plainly(tiles, first, last, means, resp, counts, sums, scatter):
    R = tiles.shape[2]
    for c in range(len(means)):
        for t in range(first, last):
            z, r = tiles[t] - means[c][:, None], resp[c, (t - first) * R : (t - first + 1) * R]
            counts[c] += r.sum()
            sums[c] += z @ r
            scatter[c] += (z * z) @ r


def _emit_whiten(context, builder, sig, args):
    lanes = Lanes(builder, sig.args[0].dtype)
    (tiles, (_, d, _)), (W, _), (white, _) = (
        array(context, builder, sig.args[i], args[i]) for i in (0, 3, 4)
    )
    first, last, R = args[1], args[2], I64(lanes.rows)
    mul, add, sub = builder.mul, builder.add, builder.sub
    with lanes.loop(last, first) as t, lanes.loop(lanes.groups) as g:
        lane = mul(g, I64(SIDE * lanes.width))
        rows = lanes.at(tiles, add(mul(mul(t, d), R), lane))
        to = lanes.at(white, add(mul(mul(sub(t, first), d), R), lane))

        def features(j, count, rows=rows, to=to):
            y = _rows_of_product(lanes, rows, lanes.at(W, mul(j, d)), d, j, count, None)
            for a in range(count):
                for v in range(SIDE):
                    lanes.store(y[a][v], to, add(mul(add(j, I64(a)), R), I64(v * lanes.width)))

        lanes.each(d, features)
    return context.get_dummy_value()


@intrinsic
def _whiten(typing, tiles, first, last, W, white):
    refuse(tiles.dtype, tiles=tiles, W=W, white=white)
    return types.void(tiles, types.int64, types.int64, W, white), _emit_whiten


def _whiten_plainly(tiles, first, last, W, white):
    for t in range(first, last):
        white[t - first] = W @ tiles[t]


if JIT:
    whitened_log_prob, whiten = _whitened_log_prob, _whiten
    diagonal_log_prob, spherical_log_prob = _diagonal_log_prob, _spherical_log_prob
    add_moments, add_diagonal_moments = _add_moments, _add_diagonal_moments
else:
    whitened_log_prob, whiten = _whitened_log_prob_plainly, _whiten_plainly
    diagonal_log_prob, spherical_log_prob = _diagonal_log_prob_plainly, _spherical_log_prob_plainly
    add_moments, add_diagonal_moments = _add_moments_plainly, _add_diagonal_moments_plainly
