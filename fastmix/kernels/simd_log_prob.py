"""Log-probabilities of rows, tiled in registers, each beside the plain loop that it equals.

LLVM vectorises the plain loops but keeps their accumulators in memory, at a third of the speed. Here
four values by SIDE vectors of rows stay in registers. Raw pointers see no bounds: layouts and dtypes are
refused here when a kernel is compiled, shapes by engine/passes.py before it is called.

Of out (k, >= rows) the rows of tiles first to last are written, from the beginning, and of those only
the members[t, :sizes[t]] of tile first + t: the components that may matter there.
"""

import numpy as np
from numba import types
from numba.extending import intrinsic

from fastmix._numba import JIT
from fastmix.kernels.lanes import I64, SIDE, Lanes, array, arrays, refuse


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


NAMES = ("tiles", "first", "last", "means", "factor", "bias", "members", "sizes", "out")
WHITE = tuple(name for name in NAMES if name != "factor")


def _emit_log_prob(emit_tile, names):
    """Emitter of a kernel with these arguments, from one for the members of a register tile of rows."""

    def emit(context, builder, sig, args):
        lanes = Lanes(builder, sig.args[0].dtype)
        given = arrays(context, builder, names, sig, args)
        mul, add, sub = builder.mul, builder.add, builder.sub
        (tiles, (_, d, _)), (members, (_, k)), (out, (_, width)) = (
            given[name] for name in ("tiles", "members", "out")
        )
        bias, sizes = given["bias"][0], given["sizes"][0]
        half = lanes.splat(lanes.scalar(-0.5))
        with lanes.loop(args[2], args[1]) as t, lanes.loop(lanes.groups) as g:
            lane, here = mul(g, I64(SIDE * lanes.width)), sub(t, args[1])
            rows = lanes.at(tiles, add(mul(mul(t, d), I64(lanes.rows)), lane))
            list_ = lanes.at(members, mul(here, k))
            start = add(mul(here, I64(lanes.rows)), lane)

            def put(c, sq_norm):
                constant = lanes.splat_at(bias, c)
                to = lanes.at(out, add(mul(c, width), start))
                for v, place in enumerate(sq_norm):
                    sq = lanes.get(place)
                    value = _bounded(lanes, lanes.fma(half, sq, constant), sq)
                    lanes.store(value, to, v * lanes.width)

            size = builder.load(lanes.at(sizes, here))
            factor, _ = given.get("factor", (None, None))
            emit_tile(lanes, given["means"][0], factor, d, rows, list_, size, put)
        return context.get_dummy_value()

    return emit


def _each_whitened(lanes, means, W, d, rows, names, size, put):
    mul = lanes.builder.mul
    with lanes.loop(size) as i:
        c = lanes.builder.load(lanes.at(names, i))
        mean, matrix = lanes.at(means, mul(c, d)), lanes.at(W, mul(c, mul(d, d)))
        sq_norm = [lanes.variable(lanes.zero) for _ in range(SIDE)]

        def features(j, count):
            of = lanes.at(matrix, mul(j, d))
            for row in _rows_of_product(lanes, rows, of, d, j, count, mean):
                for place, value in zip(sq_norm, row, strict=True):
                    lanes.add_product(place, value, value)

        lanes.each(d, features)
        put(c, sq_norm)


def _each_gap(by_feature):
    """Members four by four, for inverse standard deviations by feature, (k, d), or not, (k,), or none."""

    def each(lanes, means, scale, d, rows, names, size, put):
        builder, mul, add = lanes.builder, lanes.builder.mul, lanes.builder.add

        def some(i, count):
            c = [builder.load(lanes.at(names, add(i, I64(a)))) for a in range(count)]
            sq_norm = [[lanes.variable(lanes.zero) for _ in range(SIDE)] for _ in range(count)]
            start = [mul(each, d) for each in c]
            if scale is not None and not by_feature:
                shared = [lanes.splat_at(scale, each) for each in c]
            with lanes.loop(d) as j:
                x = lanes.at(rows, mul(j, I64(lanes.rows)))
                x = [lanes.load(x, v * lanes.width) for v in range(SIDE)]
                for a in range(count):
                    m = lanes.splat_at(means, add(start[a], j))
                    if scale is not None:
                        s = lanes.splat_at(scale, add(start[a], j)) if by_feature else shared[a]
                    for v in range(SIDE):
                        gap = builder.fsub(x[v], m)
                        gap = gap if scale is None else builder.fmul(gap, s)
                        lanes.add_product(sq_norm[a][v], gap, gap)
            for each, places in zip(c, sq_norm, strict=True):
                put(each, places)

        lanes.each(size, some)

    return each


def _typed(emit_tile):
    emit = _emit_log_prob(emit_tile, NAMES)

    def typing(tiles, first, last, means, factor, bias, members, sizes, out):
        refuse(tiles.dtype, tiles=tiles, means=means, factor=factor, bias=bias, out=out)
        refuse(types.int64, members=members, sizes=sizes)
        kinds = (tiles, types.int64, types.int64, means, factor, bias, members, sizes, out)
        return types.void(*kinds), emit

    return typing


_typed_whitened, _typed_diagonal = _typed(_each_whitened), _typed(_each_gap(True))
_typed_spherical, _emit_white = _typed(_each_gap(False)), _emit_log_prob(_each_gap(False), WHITE)


@intrinsic
def _whitened_log_prob(typing, tiles, first, last, means, factor, bias, members, sizes, out):
    return _typed_whitened(tiles, first, last, means, factor, bias, members, sizes, out)


@intrinsic
def _diagonal_log_prob(typing, tiles, first, last, means, factor, bias, members, sizes, out):
    return _typed_diagonal(tiles, first, last, means, factor, bias, members, sizes, out)


@intrinsic
def _spherical_log_prob(typing, tiles, first, last, means, factor, bias, members, sizes, out):
    return _typed_spherical(tiles, first, last, means, factor, bias, members, sizes, out)


@intrinsic
def _white_log_prob(typing, tiles, first, last, means, bias, members, sizes, out):
    refuse(tiles.dtype, tiles=tiles, means=means, bias=bias, out=out)
    refuse(types.int64, members=members, sizes=sizes)
    kinds = (tiles, types.int64, types.int64, means, bias, members, sizes, out)
    return types.void(*kinds), _emit_white


def _log_prob_plainly(whiten):
    """The plain twin, from whiten(factor, c, gaps (d, R)) of one component."""

    def log_prob(tiles, first, last, means, factor, bias, members, sizes, out):
        R = tiles.shape[2]
        for t in range(first, last):
            for c in members[t - first, : sizes[t - first]]:
                y = whiten(factor, c, tiles[t] - means[c][:, None])
                sq_norm = (y * y).sum(0)
                value = np.where(sq_norm < np.inf, bias[c] - sq_norm / 2, -np.inf)
                out[c, (t - first) * R : (t - first + 1) * R] = value

    return log_prob


_whitened_log_prob_plainly = _log_prob_plainly(lambda W, c, gaps: W[c] @ gaps)
_diagonal_log_prob_plainly = _log_prob_plainly(lambda scale, c, gaps: scale[c][:, None] * gaps)
_spherical_log_prob_plainly = _log_prob_plainly(lambda scale, c, gaps: scale[c] * gaps)


def _white_log_prob_plainly(tiles, first, last, means, bias, members, sizes, out):
    unit = np.ones(len(means), tiles.dtype)
    _spherical_log_prob_plainly(tiles, first, last, means, unit, bias, members, sizes, out)


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
    white_log_prob = _white_log_prob
else:
    whitened_log_prob, whiten = _whitened_log_prob_plainly, _whiten_plainly
    diagonal_log_prob, spherical_log_prob = _diagonal_log_prob_plainly, _spherical_log_prob_plainly
    white_log_prob = _white_log_prob_plainly
