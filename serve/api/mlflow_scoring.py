"""MLflow's scoring protocol: clients of `mlflow models serve` only change the address.

Calls and answers are those of `mlflow.pyfunc.scoring_server`, with two differences. An error never repeats the input,
because it is an applicant's data and errors end up in logs. Faults that MLflow does not notice are refused: columns
that the model does not know, and duplicate names.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fraud.features import FEATURE_NAMES
from serve.answer import NO_HEADERS, Answer
from serve.api.readers import reader
from serve.decoding import DecodedRows
from serve.decoding.bounds import THE_FEATURES
from serve.decoding.by_content_type import CSV, JSON, PARQUET, DecodeBatch
from serve.decoding.csv_table import decode_csv
from serve.decoding.mlflow_json import MEMBERS, decode_invocation
from serve.decoding.parquet_table import decode_parquet
from serve.decoding.rows import LABELS
from serve.error_answers import MAX_NAMED_FAULTS
from serve.errors import DuplicateName, InvalidInstance, InvalidInvocation, RowFault, ServeError
from serve.model.model_store import Manifest
from serve.model.serving_model import ServingModel
from serve.request_names import MODEL_VERSION_HEADER
from serve.scoring.asks import Asks
from serve.scoring.call import Read, ScoringRoute
from serve.scoring.content_encoding import IDENTITY, accepted_encoding, compress, is_worth_compressing
from serve.scoring.encoding import encode_predictions
from serve.scoring.notes import NO_NOTES, Notes, WriteNoted

MLFLOW_VERSION: Final = importlib.metadata.version("mlflow-skinny")
"""The MLflow whose protocol this is."""

_NAMES_THAT_MAY_BE_SAID: Final = frozenset({*FEATURE_NAMES, *LABELS, *MEMBERS})


def invocations_route(max_rows: int) -> ScoringRoute:
    """`POST /invocations`; `max_rows` bounds a request."""
    decoders = {"": decode_invocation, JSON: decode_invocation, CSV: decode_csv, PARQUET: decode_parquet}

    @functools.cache
    def readers(encoding: str, asks: Asks) -> Mapping[str, Read]:
        write: WriteNoted = functools.partial(_write_predictions, encoding)
        return {name: _reader(decode, max_rows, write, asks) for name, decode in decoders.items()}

    return ScoringRoute("/invocations", lambda headers, asks: readers(accepted_encoding(headers), asks), write_error)


def mlflow_routes(model: ServingModel) -> list[Route]:
    """The protocol's other routes."""

    async def ping(_request: Request) -> Response:
        version = str(model.active.manifest.model_version)  # raises NotReady where there is none
        return Response(b"\n", media_type=JSON, headers={MODEL_VERSION_HEADER: version})

    async def version(_request: Request) -> Response:
        return Response(MLFLOW_VERSION, media_type=JSON)

    return [Route("/ping", ping), Route("/health", ping), Route("/version", version)]


def _reader(decode: DecodeBatch, max_rows: int, write: WriteNoted, asks: Asks) -> Read:
    read_rows = reader(lambda body: decode(body, max_rows), write, asks)

    def read(body: bytes, manifest: Manifest) -> tuple[DecodedRows, WriteNoted]:
        try:
            return read_rows(body, manifest)
        except DuplicateName:
            raise
        except InvalidInstance as fault:
            raise InvalidInvocation(fault.message, fault.instance, fault.field, fault.faults) from None

    return read


def _write_predictions(
    encoding: str, probabilities: NDArray[np.float32], manifest: Manifest, notes: Notes = NO_NOTES
) -> Answer:
    if notes.faults is not None:
        notes = msgspec.structs.replace(notes, faults=[_fault_without_data(fault) for fault in notes.faults])
    content, headers = encode_predictions(probabilities, notes), NO_HEADERS
    if encoding != IDENTITY and is_worth_compressing(content):
        content, headers = compress(content, encoding), {"Content-Encoding": encoding}
    return Answer(content, manifest.model_version, headers=headers)


def write_error(error: ServeError, _request_id: str) -> bytes:
    """An error in this protocol's form."""
    told = {}
    if isinstance(error, InvalidInstance) and error.faults:
        told = {"faults": [_fault_without_data(fault).as_dict() for fault in error.faults[:MAX_NAMED_FAULTS]]}
    return orjson.dumps({"error_code": _error_code(error.status), "message": _without_data(error), **told})


def _error_code(status: int) -> str:
    """MLflow's name of the error (`databricks_pb2.ErrorCode`)."""
    if status == 503:
        return "TEMPORARILY_UNAVAILABLE"
    if status == 429:
        return "REQUEST_LIMIT_EXCEEDED"
    return "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"


def _without_data(error: ServeError) -> str:
    """The fault and its place. Without a header line, data would be taken for names, so only known
    names are repeated.
    """
    if not isinstance(error, InvalidInstance) or (error.instance is None and error.field is None):
        return error.message
    if isinstance(error, DuplicateName):
        return f"{_said(error.field)} appears more than once in one object: expected it once"
    return _expected(error.field, error.instance)


def _fault_without_data(fault: RowFault) -> RowFault:
    field = fault.field if fault.field in _NAMES_THAT_MAY_BE_SAID else None
    return RowFault(fault.instance, field, _expected(fault.field, fault.instance))


def _said(field: str | None) -> str:
    return field if field is not None and field in _NAMES_THAT_MAY_BE_SAID else "a column"


def _expected(field: str | None, instance: int | None) -> str:
    place = _said(field) if instance is None else f"{_said(field)} of instance {instance}"
    return f"{place}: expected {THE_FEATURES} and no others, each a finite number that is not too low"
