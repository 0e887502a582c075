"""The contract's two calls, `/predict` and `/batch_predict`: how their bodies are read and their answers written."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve.decoding import decode_instance
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import BATCH_DECODERS, JSON, DecodeBatch
from serve.encoding import encode_arrow, encode_probabilities, encode_probability
from serve.exchange import Question, Read, Reply, Write
from serve.model_store import Manifest
from serve.scoring import Scoring


def contract_routes(scoring: Scoring) -> list[Route]:
    """The two routes over the given scoring."""
    as_json = _batch_readers(scoring.limits.max_batch_rows, _write_probabilities)
    as_arrow = _batch_readers(scoring.limits.max_batch_rows, _write_arrow)

    async def predict(request: Request) -> Response:
        return await scoring.answer(request, _SINGLE_READERS)

    async def batch_predict(request: Request) -> Response:
        return await scoring.answer(request, as_arrow if _wants_arrow(request) else as_json)

    return [
        Route("/predict", predict, methods=["POST"]),
        Route("/batch_predict", batch_predict, methods=["POST"]),
    ]


def _wants_arrow(request: Request) -> bool:
    accepted = (item.partition(";")[0].strip().lower() for item in request.headers.get("accept", "").split(","))
    return ARROW_STREAM in accepted


def _read_instance(body: bytes, _manifest: Manifest) -> Question:
    return Question(decode_instance(body), _write_probability)


_SINGLE_READERS: Final[Mapping[str, Read]] = MappingProxyType({"": _read_instance, JSON: _read_instance})


def _batch_readers(max_rows: int, write: Write) -> Mapping[str, Read]:
    def reader(decode: DecodeBatch) -> Read:
        return lambda body, _manifest: Question(decode(body, max_rows), write)

    return {content_type: reader(decode) for content_type, decode in BATCH_DECODERS.items()}


def _write_probability(probabilities: NDArray[np.float32], _manifest: Manifest) -> Reply:
    return Reply(encode_probability(probabilities))


def _write_probabilities(probabilities: NDArray[np.float32], _manifest: Manifest) -> Reply:
    return Reply(encode_probabilities(probabilities))


def _write_arrow(probabilities: NDArray[np.float32], _manifest: Manifest) -> Reply:
    return Reply(encode_arrow(probabilities), ARROW_STREAM)
