"""Files of applications -> the table, all of them or nothing, with no date drawn and no label changed."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from rich.console import Console

from fraud.database import connect
from fraud.foreign_errors import postgres_words
from fraud.provenance import LoadedFile, OwnRows, Provenance, read_provenance
from initdb.applications.checking import Checker
from initdb.applications.faults import Faults
from initdb.applications.mode import Mode
from initdb.applications.opening import open_file, our_columns
from initdb.applications.staging import Staging
from initdb.errors import ApplicationsFileError, FaultyApplicationsError, LoadError
from initdb.progress import progress_bar
from initdb.training_table import LOCK_TIMEOUT, TABLE, write_provenance

HASHED_BYTES: Final = 2**20
ID_PREFIX_CHARS: Final = 12
"""Of the file's SHA-256: a row of a file without ids has the same one whenever it is loaded, so twice is noticed."""


@dataclass(frozen=True, slots=True)
class Load:
    """Which files, what their columns are called (theirs -> ours), and what becomes of the rows from before."""

    files: tuple[Path, ...]
    renamed: Mapping[str, str]
    mode: Mode


def load_files(dsn: str, load: Load, console: Console) -> OwnRows:
    """Check all rows of all files, then load them in one transaction; returns their provenance.

    Raises:
        ApplicationsFileError: a file can't be read, lacks a column or has no row.
        FaultyApplicationsError: rows are at fault; the message lists them.
        LoadError: PostgreSQL refused.
    """
    files = [(file := open_file(path), our_columns(file, load.renamed)) for path in load.files]
    faults = Faults()
    try:
        with connect(dsn, application_name="initdb load") as connection:
            staging = Staging(connection, [file for file, _ in files])
            # Each file is read twice: hashed, then checked.
            with progress_bar(console, "Checking", 2 * sum(path.stat().st_size for path in load.files)) as advance:
                loaded = []
                for number, (file, columns) in enumerate(files):
                    sha256 = _sha256(file.path, advance)
                    checker = Checker(file, columns, f"{sha256[:ID_PREFIX_CHARS]}-", faults)
                    loaded.append(LoadedFile(file.path.name, sha256, _stage(staging, number, checker, advance)))
            with console.status("Loading"):
                return _finish(connection, staging, load.mode, tuple(loaded), faults)
    except psycopg2.Error as error:
        raise LoadError(f"the applications were not loaded: {postgres_words(error)}") from error


def _stage(staging: Staging, number: int, checker: Checker, advance: Callable[[int], None]) -> int:
    """Check a file and stage its good rows; returns their number."""
    rows = seen = 0
    for batch in checker.file.batches(tuple(dict.fromkeys(checker.columns.values())), advance):
        good = checker.good_rows(batch)
        seen += len(batch.numbers) + len(batch.broken)
        rows += good.num_rows
        staging.add(good, number)
    if seen == 0:
        raise ApplicationsFileError(checker.file.path, "has no row")
    return rows


def _sha256(path: Path, advance: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(HASHED_BYTES):
            digest.update(piece)
            advance(len(piece))
    return digest.hexdigest()


def _finish(
    connection: Connection, staging: Staging, mode: Mode, loaded: tuple[LoadedFile, ...], faults: Faults
) -> OwnRows:
    """From checked rows to the table, unless something is wrong with any of them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
        # Others may read on; nobody else loads, so that the rows and the comment are what is looked at here.
        cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(TABLE))
        staging.find_twice(faults)
        if mode is Mode.APPEND:
            staging.find_known(faults)
        if len(faults):
            raise FaultyApplicationsError(faults.lines())
        if mode is Mode.REPLACE:
            cursor.execute(sql.SQL("TRUNCATE {}").format(TABLE))
        replaced = staging.put_in_place() if mode is Mode.REPLACE_SAME else staging.append()
        before = None if mode is Mode.REPLACE else read_provenance(connection)
        part = OwnRows(loaded, dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), replaced)
        write_provenance(connection, Provenance((*(before.parts if before else ()), part)))
        cursor.execute(sql.SQL("ANALYZE {}").format(TABLE))
    return part
