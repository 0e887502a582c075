"""`python -m serve.audit erase`: a person's right to be forgotten."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
import typer

from fraud.counted import counted
from fraud.database import connect
from fraud.errors import SettingsError
from fraud.report.files import write_files
from fraud.schema_version import refuse_newer
from fraud.settings import Settings
from fraud.verdict import Verdict
from serve.audit.amendment import Amendment
from serve.audit.command import (
    NOBODY,
    TIMEOUT_S,
    ApplicantRef,
    anchors_of,
    asked_for,
    audit_settings,
    find_person,
    pseudonyms_of,
)
from serve.audit.erasure import APPLICATION_NAME, Erased, erase_rows_of, place_of, wait_for_spool
from serve.audit.person import Answered
from serve.audit.person_page import receipt_page
from serve.audit.receipt import NOT_REACHED, Place, Receipt, encode_receipt, places_of, remains_after
from serve.audit.request_ids import erase_request_ids
from serve.audit.rewrite_command import REWRITE_TIMEOUT_S
from serve.audit.rewriting import Rewritten, rewrite
from serve.audit.stored_rows import records_of_applicant, records_of_request
from serve.idempotency import forgetting as keys_forgetting
from serve.prediction_log.record import RecordPlace
from serve.stream import forgetting as streams_forgetting

logger = logging.getLogger(__name__)

SHOWN_LINES: Final = 100
KEPT: Final = "the probabilities, and in the ledger of erasures which rows they belong to"


def erase(
    applicant_ref: ApplicantRef = None,
    *,
    request_id: Annotated[
        str | None,
        typer.Option(help="Instead of a person's rows: erase the id of these requests, if it identifies somebody."),
    ] = None,
    with_request_ids: Annotated[
        bool, typer.Option("--with-request-ids", help="Also erase the ids of the person's requests.")
    ] = False,
    timeout_s: Annotated[
        float, typer.Option(min=0, help="Maximum wait until the spool is shipped, seconds.")
    ] = TIMEOUT_S,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be erased, but erase nothing.")] = False,
    rewrite_now: Annotated[
        bool, typer.Option("--rewrite", help="Run `rewrite` at once, which removes the person from PostgreSQL's files.")
    ] = False,
    receipt: Annotated[
        Path | None,
        typer.Option(help="File for a receipt, as JSON; an HTML page is written beside it.", dir_okay=False),
    ] = None,
) -> None:
    """Erase one person's features, ids, pseudonym and outcomes from every record, and officers' texts from their cases;
    the chains still verify afterwards.

    Run it on the server's machine, as the owner of the database. Backups of the database are not reached. Exit status:
    0 erased, or would be erased; 10 nothing is on record under that reference; 2 the command could not run.
    """
    settings = audit_settings()
    if request_id is not None:
        _erase_requests(settings, request_id, timeout_s, dry_run=dry_run, rewrite_now=rewrite_now)
        return
    reference = asked_for(applicant_ref)
    found = find_person(settings, reference, timeout_s)
    if not found:
        _end_with_nobody(NOBODY)
    if dry_run:
        _preview(found)
        return
    files = _Files.of(receipt)
    files.write(b"", b"")  # check that they can be written before anything is erased
    erased, forgotten = _erase(settings, reference, with_request_ids=with_request_ids)
    typer.echo(
        f"erased: {counted(erased.rows, 'row')} in {counted(erased.records, 'record')}, "
        f"{counted(erased.outcomes, 'outcome')}, {counted(erased.cases, 'case')}, "
        f"{counted(forgotten.by_key, 'answer')} by Idempotency-Key, "
        f"{counted(forgotten.of_streams, 'answer')} of streams"
    )
    places = places_of(found, with_request_ids=with_request_ids)
    told = _receipt(erased, forgotten, places, with_request_ids=with_request_ids)
    files.write(encode_receipt(told), receipt_page(told))  # correct even if the rewrite does not complete
    rewritten = _rewrite(settings) if rewrite_now else None
    if rewritten is not None:
        names = [table.name for table in rewritten.tables]
        told = msgspec.structs.replace(told, rewritten=names, remains=remains_after(rewritten))
        files.write(encode_receipt(told), receipt_page(told))
    _say_what_remains(rewritten)


class _Forgotten(NamedTuple):
    """Answers that were erased beside the spool."""

    by_key: int
    of_streams: int

    @classmethod
    def forget(cls, spool: Path, places: Sequence[RecordPlace]) -> _Forgotten:
        return cls(keys_forgetting.forget(spool, places), streams_forgetting.forget(spool, places))


def _receipt(erased: Erased, forgotten: _Forgotten, places: Sequence[Place], *, with_request_ids: bool) -> Receipt:
    return Receipt(
        erased_at=dt.datetime.now(dt.UTC),
        records=erased.records,
        rows=erased.rows,
        outcomes=erased.outcomes,
        cases=erased.cases,
        answers_by_idempotency_key=forgotten.by_key,
        answers_of_streams=forgotten.of_streams,
        request_ids=with_request_ids,
        places=places,
        rewritten=(),
        kept=KEPT,
        remains=remains_after(None),
        not_reached=NOT_REACHED,
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """The receipt's files: none, or one for programs and one for people."""

    json: Path | None

    @classmethod
    def of(cls, given: Path | None) -> _Files:
        if given is not None and given.suffix == ".html":
            raise SettingsError(
                "--receipt names the JSON file; the page is written beside it, with the extension .html"
            )
        return cls(given)

    def write(self, told: bytes, page: bytes) -> None:
        if self.json is not None:
            write_files(self.json.parent, {self.json.name: told, self.json.with_suffix(".html").name: page})


def _erase(settings: Settings, reference: str, *, with_request_ids: bool) -> tuple[Erased, _Forgotten]:
    pseudonyms = pseudonyms_of(settings).all_of(reference)
    spool, anchors = settings.spool_folder(), anchors_of(settings)
    with connect(settings.dsn(), APPLICATION_NAME) as connection:
        amendment = Amendment(connection, anchors)
        records = list(records_of_applicant(connection, pseudonyms))
        erased = erase_rows_of(connection, amendment, records, pseudonyms)
        if with_request_ids:
            erase_request_ids(connection, amendment, records)
        # Before the rows are erased: a second run could not find their places.
        forgotten = _Forgotten.forget(spool, erased.places)
        amendment.commit()
    logger.info("erased %s in %s", counted(erased.rows, "row"), counted(erased.records, "record"))
    return erased, forgotten


def _erase_requests(settings: Settings, request_id: str, timeout_s: float, *, dry_run: bool, rewrite_now: bool) -> None:
    refuse_newer(settings.dsn())
    spool, anchors = settings.spool_folder(), anchors_of(settings)
    wait_for_spool(spool, timeout_s)
    with connect(settings.dsn(), APPLICATION_NAME) as connection:
        amendment = Amendment(connection, anchors)
        records = list(records_of_request(connection, request_id))
        if not records:
            _end_with_nobody("no request is on record under that id")
        if dry_run:
            typer.echo(f"would be erased: the id of {counted(len(records), 'record')}")
            return
        erase_request_ids(connection, amendment, records)
        forgotten = keys_forgetting.forget(spool, [place_of(logged) for logged in records])
        amendment.commit()
    typer.echo(
        f"erased: the id of {counted(len(records), 'record')}, {counted(forgotten, 'answer')} by Idempotency-Key"
    )
    _say_what_remains(_rewrite(settings) if rewrite_now else None)


def _rewrite(settings: Settings) -> Rewritten:
    return rewrite(settings.dsn(), REWRITE_TIMEOUT_S, lambda told: typer.echo(told, err=True))


def _say_what_remains(rewritten: Rewritten | None) -> None:
    for remains in remains_after(rewritten):
        typer.echo(f"remains: {remains}")


def _end_with_nobody(why: str) -> None:
    typer.echo(why)
    sys.exit(Verdict.FAIL.exit_status)


def _preview(rows: Sequence[Answered]) -> None:
    """Print their places, but none of their values."""
    records = len({(row.chain_id, row.sequence) for row in rows})
    typer.echo(f"would be erased: {counted(len(rows), 'row')} in {counted(records, 'record')}")
    for row in rows[:SHOWN_LINES]:
        typer.echo(f"request {row.request_id} row {row.row_number}, received {row.received_at:%Y-%m-%d %H:%M:%S} UTC")
    if len(rows) > SHOWN_LINES:
        typer.echo(f"... and {len(rows) - SHOWN_LINES} more")
