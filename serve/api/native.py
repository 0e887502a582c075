"""The contract's two calls, `/predict` and `/batch_predict`: reading of bodies and writing of answers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from serve.answer import NO_HEADERS, Answer
from serve.api.accept import preferred
from serve.api.readers import reader
from serve.decoding import DecodedRows
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import BATCH_DECODERS, JSON
from serve.error_answers import encode_error
from serve.model.model_store import Manifest
from serve.scoring.asks import Asks
from serve.scoring.call import Headers, Read, ScoringRoute
from serve.scoring.content_encoding import IDENTITY, accepted_encoding, compress, is_worth_compressing
from serve.scoring.encoding import encode_arrow, encode_probabilities, encode_probability
from serve.scoring.notes import NO_NOTES, Notes, WriteNoted

_OFTEN: Final = frozenset({"", "*/*", JSON})
"""Values of Accept that mean JSON; most requests send one of them."""


class JsonDecoders(Protocol):
    """Decoders of JSON bodies."""

    def decode_instance(self, body: bytes) -> DecodedRows:
        """A body of `/predict`."""

    def decode_batch(self, body: bytes, max_rows: int) -> DecodedRows:
        """A body of `/batch_predict`."""


def contract_routes(json: JsonDecoders, max_batch_rows: int) -> list[ScoringRoute]:
    """The two routes; `max_rows` bounds a batch."""
    decoders = {**BATCH_DECODERS, "": json.decode_batch, JSON: json.decode_batch}

    @functools.cache
    def batch_readers(is_arrow: bool, encoding: str, asks: Asks) -> Mapping[str, Read]:
        write: WriteNoted = _write_arrow if is_arrow else functools.partial(_write_probabilities, encoding)
        return {name: reader(_bounded(decode, max_batch_rows), write, asks) for name, decode in decoders.items()}

    @functools.cache
    def instance_readers(asks: Asks) -> Mapping[str, Read]:
        # A single row is either good or the whole request is refused.
        read = reader(json.decode_instance, _write_probability, dataclasses.replace(asks, report=False))
        return {"": read, JSON: read}

    return [
        ScoringRoute("/predict", lambda _headers, asks: instance_readers(asks), encode_error),
        ScoringRoute(
            "/batch_predict",
            lambda headers, asks: batch_readers(_wants_arrow(headers), accepted_encoding(headers), asks),
            encode_error,
        ),
    ]


def _bounded(decode: Callable[[bytes, int], DecodedRows], max_rows: int) -> Callable[[bytes], DecodedRows]:
    return lambda body: decode(body, max_rows)


def _wants_arrow(headers: Headers) -> bool:
    accept = headers.get("accept", "")
    # Most clients accept anything.
    return accept not in _OFTEN and preferred(accept, (JSON, ARROW_STREAM)) == ARROW_STREAM


def _write_probability(probabilities: NDArray[np.float32], manifest: Manifest, notes: Notes = NO_NOTES) -> Answer:
    return Answer(encode_probability(probabilities, notes), manifest.model_version)


def _write_probabilities(
    encoding: str, probabilities: NDArray[np.float32], manifest: Manifest, notes: Notes = NO_NOTES
) -> Answer:
    content, headers = encode_probabilities(probabilities, notes), NO_HEADERS
    if encoding != IDENTITY and is_worth_compressing(content):
        content, headers = compress(content, encoding), {"Content-Encoding": encoding}
    return Answer(content, manifest.model_version, headers=headers)


def _write_arrow(probabilities: NDArray[np.float32], manifest: Manifest, notes: Notes = NO_NOTES) -> Answer:
    return Answer(encode_arrow(probabilities, notes), manifest.model_version, ARROW_STREAM)
