"""`POST /labels`: outcomes of applications, recorded all or nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import Final

import psycopg2
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from fraud.database import connect
from fraud.errors import DatabaseError, SettingsError
from fraud.foreign_errors import told
from serve.access.middleware import caller_of
from serve.decoding.by_content_type import JSON
from serve.error_answers import request_id_of
from serve.errors import BodyTooLarge, LabelsUnavailable, UnsupportedEncoding, UnsupportedMediaType
from serve.forwarding import short_body
from serve.idempotency.key import REPLAYED_HEADER, idempotency_key_of
from serve.labels.errors import InvalidLabels
from serve.labels.label import Label, checked
from serve.labels.reading import rows_of_json
from serve.labels.table import Recorded, record

LABELS: Final = "/labels"
MOST_BODY_BYTES: Final = 8 * 1024 * 1024
MOST_LABELS: Final = 10_000
APPLICATION_NAME: Final = "labels"

logger = logging.getLogger(__name__)


class LabelsRecorded(BaseModel):
    """Counts of what the request changed."""

    recorded: int = Field(description="labels of applications without an earlier label")
    corrected: int = Field(
        description="labels with another outcome, date or source than before; the earlier label stays on record"
    )
    withdrawn: int = Field(description="outcomes taken back")
    unchanged: int = Field(description="labels equal to the current one")


def label_routes(dsn: Callable[[], str]) -> APIRouter:
    """The route; `dsn` returns the connection string of the database, for the server's role."""
    router = APIRouter(tags=["labels"])

    @router.post(LABELS)
    async def labels(request: Request, response: Response) -> LabelsRecorded:
        """Record outcomes of applications, corrections and withdrawals: all of them or none.

        Each label replaces what was known of its application from now on. The earlier label stays on record, and a
        training as of an earlier day still uses it. An outcome is whether the couple divorced; an officer's suspicion
        is a decision, and is not accepted. A request sent again under its `Idempotency-Key` is recorded once.
        """
        caller = caller_of(request).name
        key = idempotency_key_of(request.headers, LABELS, caller)
        found = await asyncio.to_thread(_checked, await _body(request))
        named = f"request:{request_id_of(request)}" if key is None else f"key:{key.value}"
        done = await asyncio.to_thread(_record, dsn, f"client:{caller}", named, found)
        if done.replayed:
            response.headers[REPLAYED_HEADER] = "true"
        return LabelsRecorded(
            recorded=done.recorded, corrected=done.corrected, withdrawn=done.withdrawn, unchanged=done.unchanged
        )

    return router


async def _body(request: Request) -> bytes:
    if request.headers.get("content-encoding", "identity") not in {"", "identity"}:
        raise UnsupportedEncoding("labels can't be compressed: expected no Content-Encoding")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != JSON:
        raise UnsupportedMediaType(f"expected Content-Type: {JSON}")
    return await short_body(request, MOST_BODY_BYTES)


def _checked(body: bytes) -> Sequence[Label]:
    rows = rows_of_json(body)
    if len(rows) > MOST_LABELS:
        raise BodyTooLarge(f"{len(rows):,} labels in one request: expected at most {MOST_LABELS:,}")
    labels, faults = checked(rows, dt.datetime.now(dt.UTC).date())
    if faults:
        raise InvalidLabels(faults)
    return labels


def _record(dsn: Callable[[], str], author: str, key: str, labels: Sequence[Label]) -> Recorded:
    try:
        with connect(dsn(), APPLICATION_NAME) as connection:
            return record(connection, author, key, labels)
    except (psycopg2.Error, DatabaseError, SettingsError) as error:
        logger.error("labels can't be recorded: %s", told(error))
        raise LabelsUnavailable("the database does not answer: nothing was recorded; send the labels again") from None
