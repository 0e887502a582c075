"""Which kind of file it is, by its first bytes; and which of its columns are ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fraud.features import DATE, FEATURE_NAMES, LABEL
from initdb.applications.arrow_file import ArrowIpcFile, ArrowIpcStream, ParquetFile
from initdb.applications.batch import ApplicationsFile
from initdb.applications.csv_file import CsvFile
from initdb.errors import ApplicationsFileError

ID_COLUMN: Final = "application_id"
NEEDED: Final = (DATE, *FEATURE_NAMES, LABEL)

KINDS: Final = ((b"PAR1", ParquetFile), (b"ARROW1", ArrowIpcFile), (b"\xff\xff\xff\xff", ArrowIpcStream))
"""What each begins with; whatever else is there is a CSV."""


def open_file(path: Path) -> ApplicationsFile:
    """A CSV, Parquet or Arrow file.

    Raises:
        ApplicationsFileError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(max(len(magic) for magic, _ in KINDS))
    except OSError as error:
        raise ApplicationsFileError(path, error.strerror or str(error)) from error
    if not begin:
        raise ApplicationsFileError(path, "is empty")
    return next((kind(path) for magic, kind in KINDS if begin.startswith(magic)), None) or CsvFile(path)


def our_columns(file: ApplicationsFile, renamed: Mapping[str, str]) -> dict[str, str]:
    """Our columns' names in the file, ours -> theirs; `renamed` is theirs -> ours. An application_id may be lacking.

    Raises:
        ApplicationsFileError: a column is lacking, or is there twice.
    """
    strangers = [theirs for theirs in renamed if theirs not in file.names]
    if strangers:
        raise ApplicationsFileError(file.path, f"has no column {', '.join(strangers)}, which --map names")
    named = [(renamed.get(theirs, theirs), theirs) for theirs in file.names]
    # The mapping has precedence: another column may have one of our names with another meaning.
    taken = set(renamed.values())
    named = [(ours, theirs) for ours, theirs in named if theirs in renamed or ours not in taken]
    wanted = [(ours, theirs) for ours, theirs in named if ours in {ID_COLUMN, *NEEDED}]
    columns = dict(wanted)
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise ApplicationsFileError(
            file.path,
            f"has no column {', '.join(missing)}; it has {', '.join(file.names)}: use --map 'THEIRS=OURS' for other "
            "names, and an empty column for a feature that may be missing",
        )
    if len(columns) < len(wanted) or any(file.names.count(theirs) > 1 for theirs in columns.values()):
        twice = [ours for ours in columns if [name for name, _ in wanted].count(ours) > 1]
        raise ApplicationsFileError(file.path, f"has column {', '.join(twice)} twice")
    return columns
