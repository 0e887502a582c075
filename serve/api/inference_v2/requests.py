"""A body of `/infer` to rows: its JSON, then the bytes of its tensors, one after the other."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from msgspec import UNSET

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from serve.api.inference_v2.faults import called, decode_message, of_input
from serve.api.inference_v2.messages import INPUT, InferenceRequest, Input, members_of
from serve.api.inference_v2.tensors import decode_numbers, decode_texts
from serve.decoding.bounds import REQUIRED_NAMES, THE_FEATURES
from serve.decoding.checked_rows import FaultyRows, checked_rows
from serve.decoding.duplicate_names import refuse_duplicate_names
from serve.decoding.faults import name_not_a_number
from serve.decoding.matrix import matrix_of_columns
from serve.decoding.rows import LABELS, DecodedRows, label_faults
from serve.errors import BodyTooLarge, InvalidInstance, MalformedBody, MalformedHeader, RowFault
from serve.scoring.asks import NO_ASKS, Asks, tolerated

JSON_LENGTH_HEADER: Final = "Inference-Header-Content-Length"

_DECODER: Final = msgspec.json.Decoder(InferenceRequest)

_Tensors = dict[str, tuple[Input, memoryview | None]]


def decode_request(
    body: bytes, json_length: str | None, max_rows: int, asks: Asks = NO_ASKS
) -> tuple[InferenceRequest, DecodedRows]:
    """(decompressed body, length of its JSON by the header or None) -> (the request, its rows). The rows come from one
    input [N, features], or from inputs [N] or [N, 1], one for each feature.

    Raises:
        MalformedHeader: the length is not a number, or exceeds the body.
        MalformedBody: invalid JSON, or binary tensors of another length than declared.
        InvalidInstance: unknown inputs or outputs; wrong shapes, types or values.
        BodyTooLarge: more than `max_rows` rows.
    """
    length = _json_length(body, json_length)
    binary = memoryview(body)[length:]
    return name_not_a_number(lambda text: _decode(text, binary, max_rows, asks), body[:length])


def _json_length(body: bytes, header: str | None) -> int:
    if header is None:
        return len(body)
    if not (header.isascii() and header.isdigit() and len(header) < 12 and int(header) <= len(body)):
        raise MalformedHeader(f"{JSON_LENGTH_HEADER}: expected the length of the JSON before its compression, in bytes")
    return int(header)


def _decode(text: bytes, binary: memoryview, max_rows: int, asks: Asks) -> tuple[InferenceRequest, DecodedRows]:
    request = decode_message(_DECODER.decode, text)
    outputs = request.outputs or []
    if len({output.name for output in outputs}) < len(outputs):
        raise InvalidInstance(f"{len(outputs)} outputs are requested, one of them twice: expected each once")
    if any(output.parameters and output.parameters.classification is not UNSET for output in outputs):
        raise InvalidInstance("classification is not supported: the outputs are a probability, and effects on it")
    try:
        rows = tolerated(lambda: _decode_rows(_tensors_by_name(request, binary), max_rows), asks)
    except FaultyRows:
        refuse_duplicate_names(text, members_of(request))
        raise
    # Binary texts don't appear in the JSON.
    texts = rows.texts if all(tensor.binary_size is None for tensor in request.inputs) else ()
    refuse_duplicate_names(text, members_of(request), texts)
    wanted = FEATURE_COUNT if request.wants_attributions else asks.reasons
    return request, msgspec.structs.replace(rows, reasons=wanted) if wanted else rows


def _tensors_by_name(request: InferenceRequest, binary: memoryview) -> _Tensors:
    tensors: _Tensors = {}
    position = 0
    for tensor in request.inputs:
        if tensor.name in tensors:
            raise InvalidInstance(f"{called(tensor.name)} appears twice", field=tensor.name)
        size = tensor.binary_size
        if size is None:
            tensors[tensor.name] = (tensor, None)
            continue
        if position + size > len(binary):
            raise MalformedBody(f"the bytes of {called(tensor.name)} are cut off")
        tensors[tensor.name] = (tensor, binary[position : position + size])
        position += size
    if position != len(binary):
        raise MalformedBody(f"{len(binary) - position} bytes follow the last tensor")
    return tensors


def _decode_rows(tensors: _Tensors, max_rows: int) -> DecodedRows:
    texts = {name: tensors.pop(name) for name in LABELS if name in tensors}
    whole = tensors.keys() == {INPUT}
    if not whole:
        _check_names(tensors)
    rows = _row_count(tensors[INPUT if whole else REQUIRED_NAMES[0]][0], max_rows)
    for tensor, _ in tensors.values():
        _check_shape(tensor, [[rows, FEATURE_COUNT]] if whole else [[rows], [rows, 1]])
    for tensor, _ in texts.values():
        _check_shape(tensor, [[rows], [rows, 1]])
    faults: dict[int, RowFault] = {}
    if whole:
        # Copy: the body's bytes may be unaligned, and the record should not keep the body in memory.
        matrix = np.array(decode_numbers(*tensors[INPUT], FEATURE_NAMES, faults), dtype=np.float32, order="C")
    else:
        columns = {name: decode_numbers(*tensor, (name,), faults).ravel() for name, tensor in tensors.items()}
        matrix = matrix_of_columns(columns, rows)
    labels = {name: decode_texts(*text) for name, text in texts.items()}
    try:
        return checked_rows(matrix, labels, label_faults(labels) | faults)
    except FaultyRows as found:
        named = tuple(_of_its_input(fault, whole=whole) for fault in found.faults)
        raise FaultyRows(msgspec.structs.replace(found.good, faults=named)) from None


def _of_its_input(fault: RowFault, *, whole: bool) -> RowFault:
    name = INPUT if whole and fault.field not in LABELS else str(fault.field)
    told = of_input(name, InvalidInstance(fault.message, fault.instance, fault.field))
    return RowFault(fault.instance, fault.field, told.message)


def _check_names(tensors: _Tensors) -> None:
    expected = f'expected "{INPUT}", or one for each of {THE_FEATURES}'
    for name in REQUIRED_NAMES:
        if name not in tensors:
            raise InvalidInstance(f"{called(name)} is missing: {expected}", field=name)
    for name in tensors:
        if name not in FEATURE_NAMES:
            raise InvalidInstance(f"{called(name)} is unknown: {expected}", field=name)


def _row_count(tensor: Input, max_rows: int) -> int:
    rows = tensor.shape[0] if tensor.shape else 0
    if rows > max_rows:
        raise BodyTooLarge(f"{called(tensor.name)} has {rows} rows: at most {max_rows} are scored in one request")
    if rows == 0:
        raise InvalidInstance(f"{called(tensor.name)} has no rows: expected at least one", field=tensor.name)
    return rows


def _check_shape(tensor: Input, expected: list[list[int]]) -> None:
    if tensor.shape not in expected:
        shapes = " or ".join(map(str, expected))
        raise InvalidInstance(f"{called(tensor.name)} has shape {tensor.shape}: expected {shapes}", field=tensor.name)
