"""What goes wrong around the record: readers and full months in the database, another encoding, a flipped bit."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.experiments.chaos.audit import run_audit
from bench.experiments.chaos.load import APPLICATION_ID
from bench.experiments.site.errors import SiteError
from bench.experiments.site.server import SHIPPER, WORKER
from bench.experiments.site.site import Site
from fraud.database import connect
from fraud.verdict import Verdict
from serve.prediction_log.backlog import DAMAGED_FOLDER
from serve.prediction_log.segment import SEALED
from serve.prediction_log.segment_header import HEADER_BYTES

WAIT_S: Final = 60.0
MONTHS_AHEAD_S: Final = 150 * 86_400
"""Further than the months that upkeep makes ahead."""
OLD_MONTH: Final = "prediction_requests_200109"

_RECORDS: Final = "SELECT count(*) FROM prediction_requests WHERE request_id <> ''"
_NEW_MONTH: Final = "SELECT count(*) FROM prediction_requests WHERE received_at > now() + interval '100 days'"
_OLD_MONTH: Final = "SELECT count(*) FROM pg_class WHERE relname = %s"
_FILL: Final = """
    SELECT make_prediction_partition('2001-09-01 00:00+00');
    INSERT INTO prediction_requests_200109 (chain_id, sequence, recorded_at, received_at, request_id, endpoint, caller,
        model_version, model_sha256, load_test, features, probabilities, salt, content_digest, hash)
    SELECT md5((number % 2000)::text)::uuid, 1 + number / 2000, '2001-09-01 00:00+00', '2001-09-01 00:00+00', '', '',
        '', 1, '', false, '{}', '{}', '', '', '' FROM generate_series(0, 999999) AS number
"""
_OTHER_IDS: Final = "SELECT count(*) FROM prediction_requests WHERE application_ids[1] <> %s"
_END_SESSIONS: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scoring_server'"


def read_over_the_months_turn(site: Site) -> None:
    """Somebody reads the whole record in one transaction while a month begins that has no partition yet."""
    with connect(site.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(_RECORDS)
        site.clock.set_offset(MONTHS_AHEAD_S)
        site.wait_until(lambda: site.fetch(_NEW_MONTH) != [(0,)], WAIT_S, "the new month's records are shipped")
        site.clock.set_offset(0)
        cursor.execute(_RECORDS)
    # Time does not go back in a chain: the records of an older chain would stay in that month.
    site.server.kill(site.server.processes(WORKER))


def expire_a_large_month(site: Site) -> None:
    """A month of a million requests is past its time; the shipper is restarted, as upkeep looks once an hour."""
    site.execute(_FILL)
    site.server.kill(site.server.processes(SHIPPER))
    site.wait_until(lambda: site.fetch(_OLD_MONTH, OLD_MONTH) == [(0,)], WAIT_S, "the expired month is gone")
    _wait_for_records(site)


def claim_another_encoding(site: Site) -> None:
    """The database says that the server's sessions send another encoding than they do."""
    site.execute("ALTER ROLE scoring_server SET client_encoding = 'LATIN1'")
    site.fetch(_END_SESSIONS)
    _wait_for_records(site)
    site.execute("ALTER ROLE scoring_server RESET client_encoding")
    ((others,),) = site.fetch(_OTHER_IDS, APPLICATION_ID)
    if others:
        raise SiteError(f"{others} application ids are not stored as they were sent")


def flip_a_bit_of_an_end_mark(site: Site) -> None:
    """While PostgreSQL is away, a bit flips where a segment says how it ended: all of its records are whole.

    The segment is shipped and set aside. Nobody can prove where it ended, so the operator moves it out of the spool
    when `salvage` has said so; else every later `verify` names it.
    """
    site.kill_postgres()
    site.server.kill(site.server.processes(WORKER))
    site.wait_until(lambda: bool(_sealed(site)), WAIT_S, "a segment is sealed")
    segment = _sealed(site)[0]
    flip_bit(segment, HEADER_BYTES - 1)
    site.start_postgres()
    aside = site.server.spool / DAMAGED_FOLDER / segment.name
    site.wait_until(aside.exists, WAIT_S, "the segment is set aside")
    run_audit(site, "salvage", status=Verdict.FAIL.exit_status, SPOOL_DIR=str(site.server.spool))
    aside.rename(site.folder / aside.name)


def flip_bit(path: Path, offset: int) -> None:
    """Flip the lowest bit of a byte, in place."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def _sealed(site: Site) -> list[Path]:
    return sorted(site.server.spool.glob("*" + SEALED))


def _wait_for_records(site: Site) -> None:
    """Until records that come now have been shipped."""
    ((before,),) = site.fetch(_RECORDS)
    site.wait_until(lambda: site.fetch(_RECORDS)[0][0] > before, WAIT_S, "new records are shipped")
