"""`python -m initdb groups FILE`: by what applicants are grouped beside the features."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from fraud.counted import counted
from fraud.settings import load_settings
from initdb.console import console, errors_in_one_line
from initdb.schema import apply_schema


def groups_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, Parquet or Arrow (stream or file).")],
) -> None:
    """Load attributes of applicants, such as the region, to examine models by group; no model reads them.

    The file has the columns application_id, attribute and value, a row for each attribute of an application. Existing
    values of the same application and attribute are replaced. Everything is checked first: each fault is reported with
    its line and column, and then nothing is loaded.

    Exit status: 0 everything is loaded; 30 rows are faulty; 2 an error. In both of these cases nothing has changed.
    """
    with errors_in_one_line():
        dsn = load_settings().dsn()
        apply_schema(dsn)
        # Arrow takes half a second to import.
        from initdb.applicant_groups import read_groups, store_groups  # noqa: PLC0415
        from initdb.applications.opening import open_file  # noqa: PLC0415

        rows = read_groups(open_file(file))
        store_groups(dsn, rows)
    counts = Counter(attribute for _, attribute, _ in rows)
    told = ", ".join(f"{attribute} of {counted(count, 'application')}" for attribute, count in sorted(counts.items()))
    console.print(f"Loaded {told}.", markup=False, highlight=False)
