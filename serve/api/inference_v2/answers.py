"""Probabilities and facts about the model as the protocol's objects."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT
from serve.answer import Answer
from serve.api.inference_v2.messages import ATTRIBUTIONS, INPUT, OUTPUT, InferenceRequest
from serve.api.inference_v2.requests import JSON_LENGTH_HEADER
from serve.metrics import Totals
from serve.model.model_store import Manifest
from serve.scoring.content_encoding import IDENTITY, WORTH_COMPRESSING_BYTES, compress
from serve.scoring.notes import NO_NOTES, Notes

BINARY_TYPE: Final = "application/octet-stream"
REASON: Final = "reason"
"""The tensor of the reasons' texts, with `reasons=K`."""
PLATFORM: Final = "onnxruntime_onnx"


def write_answer(
    request: InferenceRequest,
    encoding: str,
    probabilities: NDArray[np.float32],
    manifest: Manifest,
    notes: Notes = NO_NOTES,
) -> Answer:
    """float32 [N] -> the "Inference Response JSON Object", its tensors in JSON or behind it as the request asks.

    Each requested kind of notes (faults, warnings, reasons) is a tensor of texts, empty for a row without any; these
    tensors are encoded as the first output is.
    """
    answer: dict[str, Any] = {"model_name": manifest.model_name, "model_version": str(manifest.model_version)}
    if isinstance(request.id, str):
        answer["id"] = request.id
    outputs: list[dict[str, Any]] = []
    tensors: list[bytes] = []
    for output in request.wanted:
        is_binary = request.is_binary(output)
        if output.name == OUTPUT:
            outputs.append(_numbers(OUTPUT, probabilities, tensors, is_binary=is_binary))
        elif notes.reasons is not None:
            attributions = _numbers(ATTRIBUTIONS, notes.reasons.attributions(), tensors, is_binary=is_binary)
            attributions.setdefault("parameters", {})["base"] = notes.reasons.base
            outputs.append(attributions)
    is_binary = request.is_binary(request.wanted[0])
    texts = notes.texts(len(probabilities))
    if notes.reasons is not None and notes.reasons.told:
        texts[REASON] = notes.reasons.texts()
    for name, column in texts.items():
        outputs.append(_texts(name, [text or "" for text in column], tensors, is_binary=is_binary))
    text = orjson.dumps({**answer, "outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)
    if not tensors:
        return _answer(text, encoding, manifest, "application/json", {})
    return _answer(b"".join((text, *tensors)), encoding, manifest, BINARY_TYPE, {JSON_LENGTH_HEADER: str(len(text))})


def _numbers(name: str, values: NDArray[np.float32], tensors: list[bytes], *, is_binary: bool) -> dict[str, Any]:
    described: dict[str, Any] = {"name": name, "datatype": "FP32", "shape": list(values.shape)}
    if is_binary:
        return described | _behind(values.astype("<f4", copy=False).tobytes(), tensors)
    return described | {"data": values.ravel()}


def _texts(name: str, texts: Sequence[str], tensors: list[bytes], *, is_binary: bool) -> dict[str, Any]:
    described: dict[str, Any] = {"name": name, "datatype": "BYTES", "shape": [len(texts)]}
    return described | (_behind(_encode_texts(texts), tensors) if is_binary else {"data": texts})


def _behind(tensor: bytes, tensors: list[bytes]) -> dict[str, Any]:
    """Send a tensor after the JSON, which states its length."""
    tensors.append(tensor)
    return {"parameters": {"binary_data_size": len(tensor)}}


def _encode_texts(texts: Sequence[str]) -> bytes:
    """Each text, preceded by its length (Triton's binary extension)."""
    encoded = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(text)) + text for text in encoded)


def _answer(content: bytes, encoding: str, manifest: Manifest, media_type: str, headers: dict[str, str]) -> Answer:
    if encoding != IDENTITY and len(content) >= WORTH_COMPRESSING_BYTES:
        content, headers = compress(content, encoding), {**headers, "Content-Encoding": encoding}
    return Answer(content, manifest.model_version, media_type, headers)


def model_metadata(manifest: Manifest) -> dict[str, Any]:
    """The "Model Metadata Response JSON Object", with only the default output: clients request every output listed
    here.
    """
    return {
        "name": manifest.model_name,
        "versions": [str(manifest.model_version)],
        "platform": PLATFORM,
        "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, FEATURE_COUNT]}],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1]}],
    }


def model_config(manifest: Manifest) -> dict[str, Any]:
    """Triton's `ModelConfig` as JSON (its extension "model configuration"), which `perf_analyzer` asks for.

    `max_batch_size` 0 means that the shapes include their batch dimension.
    """
    return {
        "name": manifest.model_name,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "version_policy": {"specific": {"versions": [manifest.model_version]}},
        "max_batch_size": 0,
        "input": [{"name": INPUT, "data_type": "TYPE_FP32", "dims": [-1, FEATURE_COUNT]}],
        "output": [{"name": OUTPUT, "data_type": "TYPE_FP32", "dims": [-1]}],
    }


def repository_index(manifest: Manifest | None) -> list[dict[str, str]]:
    """Triton's extension "model repository": the available models, all of which are ready."""
    if manifest is None:
        return []
    return [{"name": manifest.model_name, "version": str(manifest.model_version), "state": "READY", "reason": ""}]


def model_statistics(manifest: Manifest, totals: Totals) -> dict[str, Any]:
    """Triton's extension "statistics", reduced to what is counted here.

    The counts are those of `/metrics`: all scoring routes, processes and versions since the server started.
    """
    return {
        "model_stats": [
            {
                "name": manifest.model_name,
                "version": str(manifest.model_version),
                "inference_count": totals.rows,
                "inference_stats": {
                    "success": {"count": totals.answered, "ns": round(totals.seconds * 1e9)},
                    "fail": {"count": totals.refused},
                },
            }
        ]
    }
