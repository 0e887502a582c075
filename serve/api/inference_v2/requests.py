"""A body of `/infer` to rows: its JSON, then the bytes of its tensors, one after the other."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from serve.api.inference_v2.messages import INPUT, InferenceRequest, Input
from serve.api.inference_v2.tensors import decode_numbers, decode_texts
from serve.decoding.bounds import check_bounds, check_header, check_row_count
from serve.decoding.faults import decode_json, name_not_a_number
from serve.decoding.matrix import matrix_of_columns
from serve.decoding.rows import LABELS, DecodedRows, check_labels, labelled
from serve.errors import InvalidInstance, MalformedBody, MalformedHeader

JSON_LENGTH_HEADER: Final = "Inference-Header-Content-Length"

_DECODER: Final = msgspec.json.Decoder(InferenceRequest)

_Tensors = dict[str, tuple[Input, memoryview | None]]


def decode_request(body: bytes, json_length: str | None, max_rows: int) -> tuple[InferenceRequest, DecodedRows]:
    """An inflated body, and what the header says of the length of its JSON, None when it says nothing -> what is
    asked, and the rows: from one input [N, 10], or from ten inputs [N] or [N, 1] that are named by feature.

    Raises:
        MalformedHeader: the length is no number, or longer than the body.
        MalformedBody: no JSON; binary tensors that are not as long as they say.
        InvalidInstance: inputs or outputs that the model does not have, wrong shapes, types or values.
        BodyTooLarge: more than `max_rows` rows.
    """
    length = _json_length(body, json_length)
    binary = memoryview(body)[length:]
    return name_not_a_number(lambda text: _decode(text, binary, max_rows), body[:length])


def _json_length(body: bytes, header: str | None) -> int:
    if header is None:
        return len(body)
    if not (header.isascii() and header.isdigit() and len(header) < 12 and int(header) <= len(body)):
        raise MalformedHeader(f"{JSON_LENGTH_HEADER}: expected the length of the JSON before its compression, in bytes")
    return int(header)


def _decode(text: bytes, binary: memoryview, max_rows: int) -> tuple[InferenceRequest, DecodedRows]:
    request = decode_json(_DECODER.decode, text)
    if len(request.outputs) > 1:
        raise InvalidInstance(f"{len(request.outputs)} outputs are asked for: the model has one")
    if any(output.parameters.classification is not UNSET for output in request.outputs):
        raise InvalidInstance("classification is not offered: the output is a probability")
    return request, _decode_rows(_tensors_by_name(request, binary), max_rows)


def _tensors_by_name(request: InferenceRequest, binary: memoryview) -> _Tensors:
    tensors: _Tensors = {}
    position = 0
    for tensor in request.inputs:
        size = tensor.parameters.binary_data_size
        if tensor.name in tensors:
            raise InvalidInstance(f"input {tensor.name} is there twice", field=tensor.name)
        if isinstance(size, UnsetType):
            tensors[tensor.name] = (tensor, None)
            continue
        if position + size > len(binary):
            raise MalformedBody(f"the bytes of input {tensor.name} are cut off")
        tensors[tensor.name] = (tensor, binary[position : position + size])
        position += size
    if position != len(binary):
        raise MalformedBody(f"{len(binary) - position} bytes follow the last tensor")
    return tensors


def _decode_rows(tensors: _Tensors, max_rows: int) -> DecodedRows:
    texts = {name: tensors.pop(name) for name in LABELS if name in tensors}
    whole = tensors.keys() == {INPUT}
    if not whole:
        check_header(list(tensors))
    first, _ = tensors[INPUT if whole else FEATURE_NAMES[0]]
    rows = first.shape[0] if first.shape else 0
    for tensor, _ in tensors.values():
        _check_shape(tensor, [[rows, FEATURE_COUNT]] if whole else [[rows], [rows, 1]])
    for tensor, _ in texts.values():
        _check_shape(tensor, [[rows], [rows, 1]])
    check_row_count(rows, max_rows)
    if whole:
        # A copy: bytes of the body may lie at an odd address, and the body should not live as long as its record.
        matrix = np.array(decode_numbers(*tensors[INPUT], FEATURE_NAMES), dtype=np.float32, order="C")
        check_bounds(matrix)
    else:
        matrix = matrix_of_columns({name: decode_numbers(*tensors[name], (name,)).ravel() for name in FEATURE_NAMES})
    labels = {name: decode_texts(*text) for name, text in texts.items()}
    check_labels(labels)
    return labelled(matrix, labels)


def _check_shape(tensor: Input, expected: list[list[int]]) -> None:
    if tensor.shape not in expected:
        shapes = " or ".join(map(str, expected))
        raise InvalidInstance(f"input {tensor.name} has shape {tensor.shape}: expected {shapes}", field=tensor.name)
