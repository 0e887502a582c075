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

from serve.api.inference_v2.messages import Input
from serve.decoding.faults import decode_json
from serve.decoding.matrix import to_float32
from serve.decoding.raw_json import is_nested_array
from serve.errors import InvalidInstance, MalformedBody

Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

_MEMBERS: Final[dict[str, Any]] = {"FP32": float, "FP64": float, "INT32": Int32, "INT64": Int64}
_BINARY: Final = {"FP32": "<f4", "FP64": "<f8", "INT32": "<i4", "INT64": "<i8"}
_TEXT: Final = "BYTES"
_TEXTS: Final = msgspec.json.Decoder(list[str])


def decode_numbers(tensor: Input, binary: memoryview | None, columns: Sequence[str]) -> NDArray[np.float32]:
    """A tensor of N rows with a value for each of `columns` -> float32 [N, len(columns)].

    `binary` are its bytes, None when it came as JSON. The caller has seen to the shape.

    Raises:
        MalformedBody: JSON that is none.
        InvalidInstance: no numeric type, another number of values than the shape says, or a value of another type.
    """
    if tensor.datatype == _TEXT:
        raise InvalidInstance(f"input {tensor.name} is of type {_TEXT}: expected one of {', '.join(_BINARY)}")
    width = len(columns)
    if binary is None:
        values = _decode_json_numbers(tensor, columns)
    else:
        dtype = np.dtype(_BINARY[tensor.datatype])
        _check_size(tensor, len(binary), math.prod(tensor.shape) * dtype.itemsize, "bytes")
        values = to_float32(np.frombuffer(binary, dtype))
    _check_size(tensor, values.size, math.prod(tensor.shape), "values")
    return values.reshape(-1, width)


def decode_texts(tensor: Input, binary: memoryview | None) -> list[str]:
    """A tensor of type BYTES -> its texts; as bytes each of them follows its length (Triton's binary extension).

    Raises:
        MalformedBody: JSON that is none, lengths that do not add up, or no UTF-8.
        InvalidInstance: another type, or another number of texts than the shape says.
    """
    if tensor.datatype != _TEXT:
        raise InvalidInstance(f"input {tensor.name} is of type {tensor.datatype}: expected {_TEXT}")
    texts = _split_texts(binary) if binary is not None else decode_json(_TEXTS.decode, _raw(tensor), (tensor.name,))
    _check_size(tensor, len(texts), math.prod(tensor.shape), "values")
    return texts


def _decode_json_numbers(tensor: Input, columns: Sequence[str]) -> NDArray[np.float32]:
    data = _raw(tensor)
    nested = is_nested_array(data)
    decoder = _decoder(tensor.datatype, len(columns) if nested else None)
    values = decode_json(decoder.decode, data, columns, flat=not nested)
    if nested:
        values = [value for row in values for value in row]
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite, which is refused by name
        return np.fromiter(values, dtype=np.float32, count=len(values))


def _raw(tensor: Input) -> msgspec.Raw:
    if not isinstance(tensor.data, msgspec.Raw):
        raise InvalidInstance(f"input {tensor.name} has neither data nor binary_data_size")
    return tensor.data


@functools.cache
def _decoder(datatype: str, width: int | None) -> msgspec.json.Decoder[Any]:
    """Reads a flat array, or one of rows with `width` values."""
    member = _MEMBERS[datatype]
    return msgspec.json.Decoder(list[member if width is None else tuple[(member,) * width]])  # type: ignore[misc]


def _split_texts(binary: memoryview) -> list[str]:
    texts = []
    position = 0
    try:
        while position < len(binary):
            (length,) = struct.unpack_from("<I", binary, position)
            position += 4 + length
            texts.append(bytes(binary[position - length : position]).decode())
    except (struct.error, UnicodeDecodeError):
        raise MalformedBody("a BYTES tensor is not lengths and UTF-8 texts by turns") from None
    if position != len(binary):
        raise MalformedBody("the last text of a BYTES tensor is cut off")
    return texts


def _check_size(tensor: Input, found: int, expected: int, what: str) -> None:
    if found != expected:
        raise InvalidInstance(f"input {tensor.name} has {found} {what}: its shape {tensor.shape} needs {expected}")
