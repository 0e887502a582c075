"""The contract's two calls, `/predict` and `/batch_predict`: how their bodies are read and their answers written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve.decoding import DecodedRows
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import BATCH_DECODERS, JSON, DecodeBatch
from serve.encoding import encode_arrow, encode_probabilities, encode_probability
from serve.exchange import Question, Read, Reply, Write
from serve.model_store import Manifest
from serve.scoring import Scoring


class JsonDecoders(Protocol):
    """How JSON bodies are read."""

    def decode_instance(self, body: bytes) -> DecodedRows:
        """A body of `/predict`."""

    def decode_batch(self, body: bytes, max_rows: int) -> DecodedRows:
        """A body of `/batch_predict`."""


def contract_routes(scoring: Scoring, json: JsonDecoders) -> list[Route]:
    """The two routes over the given scoring."""
    decoders = {**BATCH_DECODERS, "": json.decode_batch, JSON: json.decode_batch}
    as_json = _batch_readers(decoders, scoring.limits.max_batch_rows, _write_probabilities)
    as_arrow = _batch_readers(decoders, scoring.limits.max_batch_rows, _write_arrow)

    def read_instance(body: bytes, _manifest: Manifest) -> Question:
        return Question(json.decode_instance(body), _write_probability)

    single = {"": read_instance, JSON: read_instance}

    async def predict(request: Request) -> Response:
        return await scoring.answer(request, single)

    async def batch_predict(request: Request) -> Response:
        return await scoring.answer(request, as_arrow if _wants_arrow(request) else as_json)

    return [
        Route("/predict", predict, methods=["POST"]),
        Route("/batch_predict", batch_predict, methods=["POST"]),
    ]


def _wants_arrow(request: Request) -> bool:
    accepted = (item.partition(";")[0].strip().lower() for item in request.headers.get("accept", "").split(","))
    return ARROW_STREAM in accepted


def _batch_readers(decoders: Mapping[str, DecodeBatch], max_rows: int, write: Write) -> Mapping[str, Read]:
    def reader(decode: DecodeBatch) -> Read:
        return lambda body, _manifest: Question(decode(body, max_rows), write)

    return {content_type: reader(decode) for content_type, decode in decoders.items()}


def _write_probability(probabilities: NDArray[np.float32], _manifest: Manifest) -> Reply:
    return Reply(encode_probability(probabilities))


def _write_probabilities(probabilities: NDArray[np.float32], _manifest: Manifest) -> Reply:
    return Reply(encode_probabilities(probabilities))


def _write_arrow(probabilities: NDArray[np.float32], _manifest: Manifest) -> Reply:
    return Reply(encode_arrow(probabilities), ARROW_STREAM)
