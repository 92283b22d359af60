"""Which rows of a tile of 64 are meant, as bits of a word, beside the plain loops that these equal.

To ask a word for its next bit costs less than to ask every row: branches on rows are seldom guessed.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastmix._numba import JIT
from fastmix.kernels.lanes import I32, I64, Lanes, array, refuse

ROWS = 64  # of a word
# bytes of a cache line, and of a row: what comes after them is fetched unasked
LINE, FETCHED = 64, 256
ALL = np.uint64(2**64 - 1)


def _emit_word(holds):
    """Emitter of the word of what `holds(lanes, first, pointers, numbers)` says of one vector of rows."""

    def emit(context, builder, sig, args):
        lanes, word, given = (
            Lanes(builder, types.float32),
            I64(0),
            [*zip(sig.args, args, strict=True)],
        )
        pointers = [array(context, builder, *each)[0] for each in given[:2]]
        numbers = [lanes.splat(value) for _, value in given[2:]]
        for first in range(0, ROWS, lanes.width):
            bits = builder.bitcast(holds(lanes, first, pointers, numbers), ir.IntType(lanes.width))
            word = builder.or_(word, builder.shl(builder.zext(bits, I64), I64(first)))
        return word

    return emit


def _differs(lanes, first, pointers, _):
    builder, vector = lanes.builder, ir.VectorType(I32, lanes.width)
    left, right = (
        builder.load(builder.bitcast(lanes.at(each, first), vector.as_pointer()), align=4)
        for each in pointers
    )
    return builder.icmp_signed("!=", left, right)


def _doubts(lanes, first, pointers, numbers):
    builder, (up, down) = lanes.builder, numbers[:2]
    best, second = (lanes.load(each, first) for each in pointers)
    least = builder.fadd(builder.fmul(best, up), numbers[2])
    return builder.fcmp_unordered(">=", least, builder.fmul(second, down))


_emit_unequal, _emit_close = _emit_word(_differs), _emit_word(_doubts)


@intrinsic
def _unequal(typing, left, right):
    refuse(types.int32, left=left, right=right)
    return types.uint64(left, right), _emit_unequal


@intrinsic
def _close(typing, best, second, up, down, room):
    refuse(types.float32, best=best, second=second)
    return types.uint64(best, second, *[types.float32] * 3), _emit_close


@intrinsic
def _fetch(typing, X, i):
    refuse(getattr(X, "dtype", None), X=X)

    def emit(context, builder, sig, args):
        pointer, (_, *row) = array(context, builder, sig.args[0], args[0])
        byte, size = ir.IntType(8).as_pointer(), sig.args[0].dtype.bitwidth // 8
        d = row[0] if row else I64(1)
        begin = builder.bitcast(builder.gep(pointer, [builder.mul(args[1], d)]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        last = builder.sub(builder.mul(d, I64(size)), I64(1))
        for offset in range(0, FETCHED if row else LINE, LINE):
            beyond = builder.icmp_signed(">", I64(offset), last)
            at = builder.gep(begin, [builder.select(beyond, last, I64(offset))])
            builder.call(prefetch, [at, I32(0), I32(3), I32(1)])  # to read, to all caches, data
        return context.get_dummy_value()

    return types.void(X, types.int64), emit


def _fetch_plainly(X, i):
    pass


def _word(holds):
    return np.uint64(sum(1 << r for r in np.flatnonzero(holds).tolist()))


def _unequal_plainly(left, right):
    return _word(left[:ROWS] != right[:ROWS])


def _close_plainly(best, second, up, down, room):
    return _word(~(best * up + room < second * down))


@intrinsic
def _lowest_bit(typing, word):
    def emit(context, builder, sig, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), emit


def _lowest_bit_plainly(word):
    return (int(word) & -int(word)).bit_length() - 1


# unequal(left, right (>= 64,) int32): where they differ.
# close(best, second (64,) float32, up, down, room float32): where not best * up + room < second * down.
# lowest_bit(word uint64): the number of the lowest bit that is set, of a word that is not 0.
# fetch(X (n, d) or (n,), i): row i will soon be read; whoever asks for more than a few at a time is not heard.
if JIT:
    unequal, close, lowest_bit, fetch = _unequal, _close, _lowest_bit, _fetch
else:
    unequal, close = _unequal_plainly, _close_plainly
    lowest_bit, fetch = _lowest_bit_plainly, _fetch_plainly
