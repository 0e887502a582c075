"""Databases as earlier versions of this project have left them, from before schemas had versions.

`landed_schemas/` has one archive for each set of SQL files that ever stood on the main branch, named by its place in
their order and by the commit that brought it:

    schema.sql    the SQL files, in their order
    records.sql   rows that the code of that time wrote: two chains of three records, and an erasure
    anchors/      what its shipper wrote down of them outside of the database

From version 1 on no such archive is needed: a landed file of `initdb/migrations/versions/` never changes.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

from fraud.database import connect

ARCHIVES = sorted(Path(__file__).with_name("landed_schemas").glob("*.tar.gz"))
UNCHAINED, CHAINED = ARCHIVES[:1], ARCHIVES[1:]
"""Before and after records chained by hash."""

RECORDS = 6
ERASURES = 4


def make_schema(dsn: str, archive: Path) -> None:
    _run(dsn, archive, "schema.sql")


def add_records(dsn: str, archive: Path, spool: Path) -> None:
    """Into the database, and their anchors into the spool's folder."""
    _run(dsn, archive, "records.sql")
    with tarfile.open(archive) as files:
        anchors = [file for file in files.getmembers() if file.name.startswith("anchors/")]
        files.extractall(spool, anchors, filter="data")


def _run(dsn: str, archive: Path, name: str) -> None:
    with tarfile.open(archive) as files:
        file = files.extractfile(name)
        assert file is not None
        statements = file.read().decode()
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(statements)
