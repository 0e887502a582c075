"""Vector operations that numba can't express, as LLVM IR of a fixed width.

numba's own loops over bits do not vectorise. Vector IR is the same on every processor, and LLVM selects the
instructions: with AVX-512 a test of 16 rows is one vcmpps, a choice between bits of 512 rows one vpternlogq, a leaf of
16 rows one vpermps. Other processors use shorter vectors or scalars, with the same results.

Each function here is a numba intrinsic: it is typed by its arguments, and its IR is inlined in compiled code. `lanes`
is a tuple of W integers whose only meaning is its length W, the words in a slot: a number in a type is known at compile
time.
"""

# ruff: noqa: PLR0917 - numba calls an intrinsic with its arguments' types by position
from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import types
from numba.core import config as numba_config

from serve.engine.bit_program import REGISTER_LEAVES
from serve.engine.jit import intrinsic

# numba creates this module's attributes at run time.
config: Final[Any] = numba_config

FLOAT: Final = ir.FloatType()
BIT: Final = ir.IntType(1)
INT32: Final = ir.IntType(32)
INT64: Final = ir.IntType(64)

WORD_ROWS: Final = 64
FLOAT_BYTES: Final = 4
WORD_BYTES: Final = 8


def _has_avx512() -> bool:
    """Whether numba compiles for AVX-512, by its settings or the processor."""
    if config.CPU_NAME is not None or config.CPU_FEATURES is not None:
        return "+avx512f" in (config.CPU_FEATURES or "")
    return bool(binding.get_host_cpu_features().get("avx512f", False))


AVX512: Final = _has_avx512()

LANES: Final = REGISTER_LEAVES if AVX512 else 8
"""Floats in a register: rows looked up at once, and leaves that one permutation selects from."""

TABLE_BITS: Final = LANES.bit_length() - 1
"""Bits of a leaf number that select within a register; further bits select between registers."""

MOST_TABLES: Final = 16 if AVX512 else 4
"""Registers of leaves up to which permutations were faster than loading each row's leaf from memory."""


class _Writer:
    """Writes IR for one call: arrays are addressed by their numba types, `at` in elements."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.b = builder
        self._data = [
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else None
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        self.nothing = context.get_dummy_value()

    def load(self, array: int, at: Any, element: Any, count: int, alignment: int) -> Any:
        pointer = self.b.gep(self._data[array], [at])
        loaded = self.b.load(self.b.bitcast(pointer, ir.VectorType(element, count).as_pointer()))
        loaded.align = alignment
        return loaded

    def store(self, value: Any, array: int, at: Any, alignment: int) -> None:
        pointer = self.b.gep(self._data[array], [at])
        self.b.store(value, self.b.bitcast(pointer, value.type.as_pointer())).align = alignment

    def operand(self, code: int, at: Any, offset: int) -> Any:
        """An instruction's operand as an index."""
        pointer = self.b.gep(self._data[code], [self.b.add(at, INT64(offset))])
        return self.b.zext(self.b.load(pointer), INT64)

    def slot(self, words: int, number: Any, lanes: int) -> Any:
        return self.load(words, self.b.mul(number, INT64(lanes)), INT64, lanes, WORD_BYTES)

    def set_slot(self, value: Any, words: int, number: Any, lanes: int) -> None:
        self.store(value, words, self.b.mul(number, INT64(lanes)), WORD_BYTES)

    def choose(self, bits: list[Any], values: list[Any]) -> Any:
        """For each bit position, select one of 2^n values by n bits, lowest first."""
        for mask in bits:
            pairs = zip(values[1::2], values[::2], strict=True)
            values = [self.b.or_(self.b.and_(mask, one), self.b.and_(self.b.not_(mask), zero)) for one, zero in pairs]
        return values[0]


@intrinsic
def pack_below(typing: Any, columns: Any, at: Any, threshold: Any) -> Any:
    """A word whose bit i is columns[at + i] < threshold; NaN is below nothing."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer = _Writer(context, builder, signature, arguments)
        values = writer.load(0, arguments[1], FLOAT, WORD_ROWS, FLOAT_BYTES)
        undefined = ir.Constant(ir.VectorType(FLOAT, WORD_ROWS), ir.Undefined)
        first = builder.insert_element(undefined, arguments[2], INT32(0))
        every = builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT32, WORD_ROWS), [0] * WORD_ROWS))
        return builder.bitcast(builder.fcmp_ordered("<", values, every), INT64)

    return types.uint64(columns, types.intp, types.float32), write


def _part(depth: int) -> Any:
    @intrinsic
    def part(typing: Any, code: Any, at: Any, words: Any, lanes: Any) -> Any:
        """The instruction PART_<depth> at code[at], on `words` [slots * W]."""
        count = lanes.count

        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            writer = _Writer(context, builder, signature, arguments)
            at = arguments[1]
            bits: list[Any] = []
            for level in range(depth):
                # Levels before this one have 2^level - 1 tests, after the opcode and the target.
                first = 2 + (1 << level) - 1
                tests = [
                    writer.slot(2, writer.operand(0, at, first + position), count) for position in range(1 << level)
                ]
                bits.append(writer.choose(bits, tests))
            to = writer.operand(0, at, 1)
            for level, bit in enumerate(bits):
                writer.set_slot(bit, 2, builder.add(to, INT64(level)), count)
            return writer.nothing

        return types.void(code, types.intp, words, lanes), write

    return part


part_1, part_2, part_3 = _part(1), _part(2), _part(3)


@intrinsic
def select(typing: Any, code: Any, at: Any, words: Any, lanes: Any) -> Any:
    """The instruction SELECT at code[at], on `words` [slots * W]."""
    count = lanes.count

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer = _Writer(context, builder, signature, arguments)
        at = arguments[1]
        by = writer.operand(0, at, 2)
        bits = [writer.slot(2, builder.add(by, INT64(bit)), count) for bit in range(3)]
        sources = [writer.slot(2, writer.operand(0, at, 3 + source), count) for source in range(8)]
        writer.set_slot(writer.choose(bits, sources), 2, writer.operand(0, at, 1), count)
        return writer.nothing

    return types.void(code, types.intp, words, lanes), write


def _lookup(depth: int) -> Any:
    @intrinsic
    def lookup(typing: Any, code: Any, at: Any, words: Any, lanes: Any, word: Any, leaves: Any, sums: Any) -> Any:
        """The instruction LOOKUP <depth> at code[at] for the 64 rows of one word of each slot, added to `sums`."""
        count = lanes.count

        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            writer = _Writer(context, builder, signature, arguments)
            at, word = arguments[1], arguments[4]
            first = writer.operand(0, at, 2)
            words = [_word(writer, writer.operand(0, at, 3 + bit), word, count) for bit in range(depth)]
            starts = range(0, max(1 << depth, LANES), LANES)
            loader = _memory(writer, first)
            if len(starts) <= MOST_TABLES:
                tables = [writer.load(5, builder.add(first, INT64(leaf)), FLOAT, LANES, FLOAT_BYTES) for leaf in starts]
                loader = _registers(builder, tables)
            for start in range(0, WORD_ROWS, LANES):
                leaf = loader([_rows(builder, word, start) for word in words])
                row = builder.add(builder.mul(word, INT64(WORD_ROWS)), INT64(start))
                total = writer.load(6, row, FLOAT, LANES, FLOAT_BYTES)
                writer.store(builder.fadd(total, leaf), 6, row, FLOAT_BYTES)
            return writer.nothing

        return types.void(code, types.intp, words, lanes, types.intp, leaves, sums), write

    return lookup


def _word(writer: _Writer, slot: Any, word: Any, lanes: int) -> Any:
    at = writer.b.add(writer.b.mul(slot, INT64(lanes)), word)
    return writer.b.extract_element(writer.load(2, at, INT64, 1, WORD_BYTES), INT32(0))


def _rows(builder: Any, word: Any, start: int) -> Any:
    """The bits of `LANES` rows as a vector: a shift with AVX-512, otherwise bits are spread and compared."""
    if AVX512:
        bits = builder.bitcast(word, ir.VectorType(BIT, WORD_ROWS))
        numbers = ir.Constant(ir.VectorType(INT32, LANES), list(range(start, start + LANES)))
        return builder.shuffle_vector(bits, ir.Constant(bits.type, ir.Undefined), numbers)
    kind = ir.VectorType(INT32, LANES)
    low = builder.trunc(builder.lshr(word, INT64(start)), INT32)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), low, INT32(0))
    every = builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), ir.Constant(kind, [0] * LANES))
    own = builder.and_(every, ir.Constant(kind, [1 << lane for lane in range(LANES)]))
    return builder.icmp_unsigned("!=", own, ir.Constant(kind, [0] * LANES))


def _number(builder: Any, bits: list[Any]) -> Any:
    kind = ir.VectorType(INT32, LANES)
    number: Any = ir.Constant(kind, [0] * LANES)
    for position, bit in enumerate(bits):
        weight = ir.Constant(kind, [1 << position] * LANES)
        number = builder.or_(number, builder.select(bit, weight, ir.Constant(kind, [0] * LANES)))
    return number


def _registers(builder: Any, tables: list[Any]) -> Callable[[list[Any]], Any]:
    """Select from leaves in registers: low bits by a permutation of each register, high bits between registers."""

    def pick(bits: list[Any]) -> Any:
        number = _number(builder, bits[:TABLE_BITS])
        values = [_permute(builder, table, number) for table in tables]
        for bit in bits[TABLE_BITS:]:
            values = [builder.select(bit, one, zero) for one, zero in zip(values[1::2], values[::2], strict=True)]
        return values[0]

    return pick


def _memory(writer: _Writer, first: Any) -> Callable[[list[Any]], Any]:
    """Select from leaves in memory, row by row."""

    def pick(bits: list[Any]) -> Any:
        number = _number(writer.b, bits)
        picked: Any = ir.Constant(ir.VectorType(FLOAT, LANES), ir.Undefined)
        for lane in range(LANES):
            at = writer.b.zext(writer.b.extract_element(number, INT32(lane)), INT64)
            leaf = writer.b.extract_element(writer.load(5, writer.b.add(first, at), FLOAT, 1, FLOAT_BYTES), INT32(0))
            picked = writer.b.insert_element(picked, leaf, INT32(lane))
        return picked

    return pick


def _permute(builder: Any, table: Any, number: Any) -> Any:
    # LLVM recognizes this pattern (X86 LowerBUILD_VECTORAsVariablePermute) and emits one vpermps if available.
    picked: Any = ir.Constant(table.type, ir.Undefined)
    for lane in range(LANES):
        leaf = builder.extract_element(table, builder.extract_element(number, INT32(lane)))
        picked = builder.insert_element(picked, leaf, INT32(lane))
    return picked


lookup_1, lookup_2, lookup_3, lookup_4 = _lookup(1), _lookup(2), _lookup(3), _lookup(4)
lookup_5, lookup_6, lookup_7, lookup_8 = _lookup(5), _lookup(6), _lookup(7), _lookup(8)
