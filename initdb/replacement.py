"""From the raw table, the public one or a generated one, to the rows of the training table."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from fraud.provenance import Provenance
from initdb.kept_shares import kept_shares
from initdb.loader import load
from initdb.population import Population
from initdb.preparation import prepare
from initdb.profile import load_profile
from initdb.progress import progress_bar
from initdb.raw_table import write_raw_table
from initdb.reference import REFERENCE_ROWS, ReferenceData, build_reference, raw_rows_for
from initdb.request import Request


def replace_rows(dsn: str, request: Request, console: Console) -> Provenance:
    """Replace the table's rows by the requested reference data; returns what the table has now.

    Raises:
        ProjectError: the raw table can't be used, or PostgreSQL refused; the rows from before are still there.
    """
    raw = request.csv or _generate(request, console)
    data = _reference_data(raw, request, console)
    provenance = request.provenance(
        len(data.labels), int(data.wave.sum()), int(data.labels.sum()), data.invented_divorces
    )
    with console.status("Loading"):
        load(dsn, data, provenance)
    if request.csv is None and not request.keep_raw:
        raw.unlink()
    return provenance


def _generate(request: Request, console: Console) -> Path:
    with console.status("Fitting the generator to the public table's statistics"):
        population = Population.fit(load_profile())
        rows = raw_rows_for(request.scale, kept_shares(population, request.credit_ceiling))
    path = request.data_dir / f"generated_seed{request.seed}_rows{rows}.csv"
    with progress_bar(console, f"Generating {rows:,} raw rows", rows) as advance:
        write_raw_table(path, population, rows, request.seed, advance)
    return path


def _reference_data(raw: Path, request: Request, console: Console) -> ReferenceData:
    size = raw.stat().st_size if raw.is_file() else None
    with progress_bar(console, f"Preparing {raw.name}", size) as advance:
        applicants = prepare(raw, advance, request.credit_ceiling)
    data = build_reference(applicants, request.scale, request.seed)
    if data.scale < request.scale:
        console.print(
            f"{raw.name} has {len(applicants.labels):,} usable rows of {applicants.raw_rows:,}: that is enough for "
            f"{len(data.labels):,} of the {round(REFERENCE_ROWS * request.scale):,} applications asked for.",
            style="yellow",
            highlight=False,
        )
    return data
