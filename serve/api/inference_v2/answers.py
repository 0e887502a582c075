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
from serve.api.inference_v2.messages import INPUT, OUTPUT, InferenceRequest
from serve.api.inference_v2.requests import JSON_LENGTH_HEADER
from serve.metrics import Totals
from serve.model.model_store import Manifest
from serve.scoring.content_encoding import IDENTITY, WORTH_COMPRESSING_BYTES, compress
from serve.scoring.notes import NO_NOTES, Notes

BINARY_TYPE: Final = "application/octet-stream"
PLATFORM: Final = "onnxruntime_onnx"


def write_answer(
    request: InferenceRequest,
    encoding: str,
    probabilities: NDArray[np.float32],
    manifest: Manifest,
    notes: Notes = NO_NOTES,
) -> Answer:
    """float32 [N] -> the "Inference Response JSON Object", its tensors in JSON or behind it as the request asks.

    What the request asks to be told beside is a tensor of texts, empty for a row of which nothing is told.
    """
    output: dict[str, Any] = {"name": OUTPUT, "datatype": "FP32", "shape": [len(probabilities)]}
    answer: dict[str, Any] = {"model_name": manifest.model_name, "model_version": str(manifest.model_version)}
    if isinstance(request.id, str):
        answer["id"] = request.id
    texts = {name: [text or "" for text in column] for name, column in notes.texts(len(probabilities)).items()}
    beside = [{"name": name, "datatype": "BYTES", "shape": [len(column)]} for name, column in texts.items()]
    answer["outputs"] = [output, *beside]
    if not request.binary_output:
        output["data"] = probabilities
        for told, column in zip(beside, texts.values(), strict=True):
            told["data"] = column
        return _answer(
            orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), encoding, manifest, "application/json", {}
        )
    tensors = [probabilities.astype("<f4", copy=False).tobytes(), *map(_encode_texts, texts.values())]
    for described, tensor in zip(answer["outputs"], tensors, strict=True):
        described["parameters"] = {"binary_data_size": len(tensor)}
    text = orjson.dumps(answer)
    return _answer(b"".join((text, *tensors)), encoding, manifest, BINARY_TYPE, {JSON_LENGTH_HEADER: str(len(text))})


def _encode_texts(texts: Sequence[str]) -> bytes:
    """Each text behind its length (Triton's binary extension)."""
    encoded = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(text)) + text for text in encoded)


def _answer(content: bytes, encoding: str, manifest: Manifest, media_type: str, headers: dict[str, str]) -> Answer:
    if encoding != IDENTITY and len(content) >= WORTH_COMPRESSING_BYTES:
        content, headers = compress(content, encoding), {**headers, "Content-Encoding": encoding}
    return Answer(content, manifest.model_version, media_type, headers)


def model_metadata(manifest: Manifest) -> dict[str, Any]:
    """The "Model Metadata Response JSON Object"."""
    return {
        "name": manifest.model_name,
        "versions": [str(manifest.model_version)],
        "platform": PLATFORM,
        "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, FEATURE_COUNT]}],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1]}],
    }


def model_config(manifest: Manifest) -> dict[str, Any]:
    """Triton's `ModelConfig` as JSON (its extension "model configuration"), which `perf_analyzer` asks for.

    `max_batch_size` 0 says that the shapes name their batch dimension themselves.
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
    """Triton's extension "model repository": the models that are here. One that is here is ready."""
    if manifest is None:
        return []
    return [{"name": manifest.model_name, "version": str(manifest.model_version), "state": "READY", "reason": ""}]


def model_statistics(manifest: Manifest, totals: Totals) -> dict[str, Any]:
    """Triton's extension "statistics", of which only what is counted is said.

    The counts are those of `/metrics`: of all scoring routes and processes since the server started, whichever
    version answered.
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
