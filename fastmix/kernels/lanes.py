"""Vector code for the register-tiled kernels: one lane is one row of a tile."""

import os
from contextlib import contextmanager

from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.core.errors import TypingError

from fastmix.kernels.tiles import TILE_BYTES

I32, I64 = ir.IntType(32), ir.IntType(64)


def features():
    """Names of what the CPU that is compiled for can do."""
    if config.CPU_NAME or config.CPU_FEATURES:  # told to compile for another machine
        return {name[1:] for name in (config.CPU_FEATURES or "").split(",") if name[:1] == "+"}
    return {name for name, there in binding.get_host_cpu_features().items() if there}


def cpu_name():
    """LLVM's name of that CPU."""
    return config.CPU_NAME or binding.get_host_cpu_name()


def _vector_bytes():
    """Width of the widest vectors with fused multiply-add on that CPU."""
    forced = os.environ.get("FASTMIX_VECTOR_BYTES")  # for tests
    if forced:
        if forced not in ("16", "32", "64"):
            raise ValueError(
                f"FASTMIX_VECTOR_BYTES must be 16, 32 or 64, got {forced!r}; unset it."
            )
        return int(forced)
    has = features()
    return 64 if "avx512f" in has else 32 if {"avx2", "fma"} <= has else 16


VECTOR_BYTES = _vector_bytes()
DOUBLES = VECTOR_BYTES // 8  # in a vector
ARM = binding.get_process_triple().startswith(("aarch64", "arm64"))
# Four values by SIDE vectors of rows stay in registers: 32 registers hold 4 x 4, 16 hold 4 x 2.
SIDE = 4 if VECTOR_BYTES == 64 or ARM else 2
FOUR = 4


class Lanes:
    """Emits vector instructions for one element type into one function."""

    def __init__(self, builder, dtype):
        self.builder, self.size = builder, dtype.bitwidth // 8
        self.width = VECTOR_BYTES // self.size
        self.rows = TILE_BYTES // self.size
        self.groups = TILE_BYTES // VECTOR_BYTES // SIDE  # register tiles across one tile
        self.double = ir.DoubleType()
        self.scalar = self.double if self.size == 8 else ir.FloatType()
        self.vector = ir.VectorType(self.scalar, self.width)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.v{self.width}f{dtype.bitwidth}"
        self._fma = cgutils.get_or_insert_function(builder.module, kind, name)
        self.zero = ir.Constant(self.vector, None)

    def at(self, pointer, index):
        """Address of an element."""
        return self.builder.gep(pointer, [i64(index)])

    def load(self, pointer, index=0):
        """A vector from memory, however aligned."""
        address = self.builder.bitcast(self.at(pointer, index), self.vector.as_pointer())
        return self.builder.load(address, align=self.size)

    def store(self, value, pointer, index=0, size=None):
        """A vector of elements of `size` bytes to memory, however aligned."""
        address = self.builder.bitcast(self.at(pointer, index), value.type.as_pointer())
        self.builder.store(value, address, align=size or self.size)

    def splat(self, value):
        """One number in all lanes."""
        undefined = ir.Constant(ir.VectorType(value.type, self.width), ir.Undefined)
        one = self.builder.insert_element(undefined, value, I32(0))
        everywhere = ir.Constant(ir.VectorType(I32, self.width), None)
        return self.builder.shuffle_vector(one, undefined, everywhere)

    def splat_at(self, pointer, index=0):
        """One number of memory in all lanes."""
        return self.splat(self.builder.load(self.at(pointer, index)))

    def fma(self, x, y, z):
        """x * y + z, rounded once."""
        return self.builder.call(self._fma, [x, y, z])

    def variable(self, value):
        """A register that loops may update, set to value here."""
        place = cgutils.alloca_once(self.builder, value.type)
        self.builder.store(value, place)
        return place

    def get(self, variable):
        """The value of a variable."""
        return self.builder.load(variable)

    def set(self, variable, value):
        """Give a variable another value."""
        self.builder.store(value, variable)

    def add_product(self, variable, x, y):
        """variable += x * y."""
        self.set(variable, self.fma(x, y, self.get(variable)))

    @contextmanager
    def loop(self, stop, start=0, step=1):
        """A loop over int64, in `with lanes.loop(n) as i:`."""
        with cgutils.for_range_slice(self.builder, i64(start), i64(stop), I64(step), I64) as (i, _):
            yield i

    def each(self, stop, emit, step=FOUR, start=0):
        """emit(first, count) for whole steps, and once for what is left, each with a count known here."""
        builder = self.builder
        length = builder.sub(i64(stop), i64(start))
        whole = builder.add(i64(start), builder.mul(builder.sdiv(length, I64(step)), I64(step)))
        with self.loop(whole, start, step) as first:
            emit(first, step)
        left = builder.sub(i64(stop), whole)
        for count in range(1, step):
            with builder.if_then(builder.icmp_signed("==", left, I64(count))):
                emit(whole, count)

    def extreme(self, vector, largest):
        """The largest or the least element of a vector without NaN."""
        while vector.type.count > 1:  # a comparison and a choice are one instruction
            half = vector.type.count // 2
            low, high = (
                self.pick(vector, vector, range(first, first + half)) for first in (0, half)
            )
            chosen = self.builder.fcmp_ordered(">" if largest else "<", low, high)
            vector = self.builder.select(chosen, low, high)
        return self.builder.extract_element(vector, I32(0))

    def sum_four(self, vectors):
        """The totals of up to four vectors as one vector of four, in a fixed order of additions."""
        vectors = [*vectors, *[self.zero] * (FOUR - len(vectors))]
        add, pick = self.builder.fadd, self.pick
        while vectors[0].type.count > FOUR:
            half = vectors[0].type.count // 2
            vectors = [
                add(pick(v, v, range(half)), pick(v, v, range(half, 2 * half))) for v in vectors
            ]
        if vectors[0].type.count == 2:
            pairs = (vectors[:2], vectors[2:])
            ab, cd = (add(pick(x, y, (0, 2)), pick(x, y, (1, 3))) for x, y in pairs)
            return pick(ab, cd, range(4))
        pairs = (vectors[:2], vectors[2:])
        ab, cd = (add(pick(x, y, (0, 4, 2, 6)), pick(x, y, (1, 5, 3, 7))) for x, y in pairs)
        return add(pick(ab, cd, (0, 1, 4, 5)), pick(ab, cd, (2, 3, 6, 7)))

    def pick(self, x, y, lanes):
        """Some elements of two vectors, by their numbers, as one vector."""
        which = ir.Constant(ir.VectorType(I32, len(lanes)), [I32(i) for i in lanes])
        return self.builder.shuffle_vector(x, y, which)


def i64(value):
    """An int64 of the compiled code, from one or from a Python int."""
    return value if isinstance(value, ir.Value) else I64(value)


def array(context, builder, kind, value):
    """(data pointer, sizes) of an array argument."""
    struct = context.make_array(kind)(context, builder, value)
    return struct.data, cgutils.unpack_tuple(builder, struct.shape)


def arrays(context, builder, names, sig, args):
    """{name: (data pointer, sizes)} of those arguments of a kernel that are arrays."""
    return {
        name: array(context, builder, kind, value)
        for name, kind, value in zip(names, sig.args, args, strict=True)
        if isinstance(kind, types.Array)
    }


def refuse(dtype, **arrays):
    """TypingError unless all are C-ordered arrays of this dtype: the code reads raw memory."""
    for name, kind in arrays.items():
        if not (isinstance(kind, types.Array) and kind.layout == "C" and kind.dtype == dtype):
            raise TypingError(f"{name} must be a C-ordered array of {dtype}, got {kind}")
