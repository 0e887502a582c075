"""One input tensor to numbers or text: from JSON (flat or nested) or from bytes (little-endian, row-major)."""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURES
from serve.api.inference_v2.faults import called, of_input
from serve.api.inference_v2.messages import Input
from serve.decoding.faults import decode_json, place_of
from serve.decoding.matrix import to_float32
from serve.decoding.raw_json import is_nested_array
from serve.errors import InvalidInstance, MalformedBody, RowFault


def _integer(bits: int, signed: bool) -> Any:
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    # msgspec supports no bound beyond int64; see `_check_uint64`.
    return Annotated[int, msgspec.Meta(ge=least, le=most) if most < 2**63 else msgspec.Meta(ge=least)]


_SIZES: Final = (8, 16, 32, 64)
_MOST_FP16: Final = 65504.0
_MOST_UINT64: Final = 2**64 - 1
_MEMBERS: Final[dict[str, Any]] = {
    "BOOL": bool,
    **{f"UINT{bits}": _integer(bits, signed=False) for bits in _SIZES},
    **{f"INT{bits}": _integer(bits, signed=True) for bits in _SIZES},
    "FP16": Annotated[float, msgspec.Meta(ge=-_MOST_FP16, le=_MOST_FP16)],
    "FP32": float,
    "FP64": float,
}
"""JSON type of a tensor's values; numbers are rounded once, as in our own API."""
_BINARY: Final = {
    "BOOL": "u1",
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in _SIZES},
    **{f"INT{bits}": f"<i{bits // 8}" for bits in _SIZES},
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
}
_TEXT: Final = "BYTES"
_TEXTS: Final = msgspec.json.Decoder(list[str])
_FLAT_TEXTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_NESTED_TEXTS: Final = msgspec.json.Decoder(list[list[msgspec.Raw]])
_MAY_BE_MISSING: Final = frozenset(feature.name for feature in FEATURES if feature.may_be_missing)


def decode_numbers(
    tensor: Input, binary: memoryview | None, columns: Sequence[str], faults: dict[int, RowFault]
) -> NDArray[np.float32]:
    """A tensor of N rows with a value for each of `columns` -> float32 [N, len(columns)].

    `binary` are its bytes, None if it is in the JSON. The caller has checked the shape. A row with a value of a wrong
    type is added to `faults`, and that value is NaN.

    Raises:
        MalformedBody: invalid JSON.
        InvalidInstance: not a numeric type, or the number of values does not match the shape.
    """
    if tensor.datatype == _TEXT:
        raise InvalidInstance(f"{called(tensor.name)} is of type {_TEXT}: expected one of {', '.join(_BINARY)}")
    width = len(columns)
    if binary is None:
        values = _decode_json_numbers(tensor, columns, faults)
    else:
        dtype = np.dtype(_BINARY[tensor.datatype])
        _check_size(tensor, len(binary), math.prod(tensor.shape) * dtype.itemsize, "bytes")
        numbers = np.frombuffer(binary, dtype)
        if tensor.datatype == "BOOL" and (numbers > 1).any():
            raise InvalidInstance(f"{called(tensor.name)} is of type BOOL: expected bytes 0 and 1", field=tensor.name)
        values = to_float32(numbers)
    _check_size(tensor, values.size, math.prod(tensor.shape), "values")
    return values.reshape(-1, width)


def decode_texts(tensor: Input, binary: memoryview | None) -> list[str]:
    """A tensor of type BYTES -> its texts; in binary, each is preceded by its length (Triton's binary extension).

    Raises:
        MalformedBody: invalid JSON, lengths that do not add up, or invalid UTF-8.
        InvalidInstance: another type, or the number of texts does not match the shape.
    """
    if tensor.datatype != _TEXT:
        raise InvalidInstance(f"{called(tensor.name)} is of type {tensor.datatype}: expected {_TEXT}")
    texts = _split_texts(binary) if binary is not None else _decode(_TEXTS, tensor, (tensor.name,))
    _check_size(tensor, len(texts), math.prod(tensor.shape), "values")
    return texts


def _decode_json_numbers(tensor: Input, columns: Sequence[str], faults: dict[int, RowFault]) -> NDArray[np.float32]:
    nested = is_nested_array(_raw(tensor))
    kinds = tuple(name in _MAY_BE_MISSING for name in columns)
    values: list[Any]
    try:
        values = _decode(_decoder(tensor.datatype, kinds, nested), tensor, columns, flat=not nested)
        if nested:
            values = [value for row in values for value in row]
        _check_uint64(tensor, values)
    except InvalidInstance:
        values = _decode_one_by_one(tensor, columns, kinds, faults)
        if not faults:
            raise
    numbers = _to_array(values)
    # msgspec does not know the column of a value in a flat array. JSON has no NaN, so a NaN here was null.
    if not nested and any(kinds) and numbers.size % len(kinds) == 0:
        missing = np.isnan(numbers).reshape(-1, len(kinds))
        if missing.any() and (missing & ~np.array(kinds)).any():
            return _to_array(_decode_one_by_one(tensor, columns, kinds, faults))
    return numbers


def _to_array(values: Sequence[float | None]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # values beyond float32 become infinite, and are refused later by name
        return np.fromiter(values, dtype=np.float32, count=len(values))


def _decode_one_by_one(
    tensor: Input, columns: Sequence[str], kinds: Sequence[bool], faults: dict[int, RowFault]
) -> list[float | None]:
    """The values of a tensor row by row; None for invalid ones, whose faults are added."""
    nested = is_nested_array(_raw(tensor))
    texts = _decode(_NESTED_TEXTS if nested else _FLAT_TEXTS, tensor, columns)
    if nested:
        texts = [text for row in texts for text in row]
    decoders = [_decoder(tensor.datatype, (kind,), nested=False) for kind in kinds]
    values: list[float | None] = []
    for place, text in enumerate(texts):
        row, column = divmod(place, len(columns))
        try:
            (value,) = decode_json(decoders[column].decode, b"[%b]" % bytes(text))
            _check_uint64(tensor, [value])
        except InvalidInstance as fault:
            words = fault.message.removeprefix(f"{place_of(None, 0)}: ")
            faults.setdefault(row, RowFault(row, columns[column], f"{place_of(columns[column], row)}: {words}"))
            value = None
        values.append(value)
    return values


def _decode(decoder: msgspec.json.Decoder[Any], tensor: Input, columns: Sequence[str], *, flat: bool = False) -> Any:
    try:
        return decode_json(decoder.decode, _raw(tensor), columns, flat=flat)
    except InvalidInstance as fault:
        raise of_input(tensor.name, fault) from None


def _check_uint64(tensor: Input, values: Sequence[float | None]) -> None:
    if tensor.datatype == "UINT64" and any(value is not None and value > _MOST_UINT64 for value in values):
        raise InvalidInstance(f"Expected `int` <= {_MOST_UINT64}")


def _raw(tensor: Input) -> msgspec.Raw:
    if not isinstance(tensor.data, msgspec.Raw):
        raise InvalidInstance(f"{called(tensor.name)} has neither data nor binary_data_size")
    return tensor.data


@functools.cache
def _decoder(datatype: str, kinds: tuple[bool, ...], nested: bool) -> msgspec.json.Decoder[Any]:
    """Decoder of a flat array, or of rows with one value for each of `kinds` (whether it may be missing)."""
    members = tuple(_MEMBERS[datatype] | None if may_be_missing else _MEMBERS[datatype] for may_be_missing in kinds)
    flat = _MEMBERS[datatype] | None if any(kinds) else _MEMBERS[datatype]
    return msgspec.json.Decoder(list[tuple[members] if nested else flat])  # type: ignore[misc,valid-type]


def _split_texts(binary: memoryview) -> list[str]:
    texts = []
    position = 0
    try:
        while position < len(binary):
            (length,) = struct.unpack_from("<I", binary, position)
            position += 4 + length
            texts.append(bytes(binary[position - length : position]).decode())
    except (struct.error, UnicodeDecodeError):
        raise MalformedBody("a BYTES tensor is not a sequence of lengths and UTF-8 texts") from None
    if position != len(binary):
        raise MalformedBody("the last text of a BYTES tensor is cut off")
    return texts


def _check_size(tensor: Input, found: int, expected: int, what: str) -> None:
    if found != expected:
        raise InvalidInstance(f"{called(tensor.name)} has {found} {what}: its shape {tensor.shape} needs {expected}")
