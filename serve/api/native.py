"""The contract's two calls, `/predict` and `/batch_predict`: how their bodies are read and their answers written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from serve.answer import Answer
from serve.api.accept import preferred
from serve.decoding import DecodedRows
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import BATCH_DECODERS, JSON, DecodeBatch
from serve.error_answers import encode_error
from serve.model.model_store import Manifest
from serve.scoring.call import Headers, Read, ScoringRoute, Write
from serve.scoring.encoding import encode_arrow, encode_probabilities, encode_probability

_OFTEN: Final = frozenset({"", "*/*", JSON})
"""Values of Accept that ask for JSON, as most requests have it."""


class JsonDecoders(Protocol):
    """How JSON bodies are read."""

    def decode_instance(self, body: bytes) -> DecodedRows:
        """A body of `/predict`."""

    def decode_batch(self, body: bytes, max_rows: int) -> DecodedRows:
        """A body of `/batch_predict`."""


def contract_routes(json: JsonDecoders, max_batch_rows: int) -> list[ScoringRoute]:
    """The two routes; a batch has at most so many rows."""
    decoders = {**BATCH_DECODERS, "": json.decode_batch, JSON: json.decode_batch}
    as_json = _batch_readers(decoders, max_batch_rows, _write_probabilities)
    as_arrow = _batch_readers(decoders, max_batch_rows, _write_arrow)

    def read_instance(body: bytes, _manifest: Manifest) -> tuple[DecodedRows, Write]:
        return json.decode_instance(body), _write_probability

    single = {"": read_instance, JSON: read_instance}
    return [
        ScoringRoute("/predict", lambda _headers: single, encode_error),
        ScoringRoute("/batch_predict", lambda headers: as_arrow if _wants_arrow(headers) else as_json, encode_error),
    ]


def _wants_arrow(headers: Headers) -> bool:
    accept = headers.get("accept", "")
    # Most clients take anything.
    return accept not in _OFTEN and preferred(accept, (JSON, ARROW_STREAM)) == ARROW_STREAM


def _batch_readers(decoders: Mapping[str, DecodeBatch], max_rows: int, write: Write) -> Mapping[str, Read]:
    def reader(decode: DecodeBatch) -> Read:
        return lambda body, _manifest: (decode(body, max_rows), write)

    return {content_type: reader(decode) for content_type, decode in decoders.items()}


def _write_probability(probabilities: NDArray[np.float32], manifest: Manifest) -> Answer:
    return Answer(encode_probability(probabilities), manifest.model_version)


def _write_probabilities(probabilities: NDArray[np.float32], manifest: Manifest) -> Answer:
    return Answer(encode_probabilities(probabilities), manifest.model_version)


def _write_arrow(probabilities: NDArray[np.float32], manifest: Manifest) -> Answer:
    return Answer(encode_arrow(probabilities), manifest.model_version, ARROW_STREAM)
