"""`python -m initdb`: the schema and the reference data, in the database that the settings name."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from fraud.command import EXIT_ERROR
from fraud.database import connect
from fraud.errors import ProjectError
from fraud.settings import DatabaseRole, Settings, load_settings
from initdb.dump import dump
from initdb.loader import load
from initdb.population import Population
from initdb.preparation import prepare
from initdb.profile import load_profile
from initdb.progress import progress_bar
from initdb.raw_table import write_raw_table
from initdb.reference import REFERENCE_ROWS, ReferenceData, build_reference, raw_rows_for
from initdb.schema import apply_schema, set_passwords
from initdb.training_table import Provenance, has_rows, read_provenance

GENERATED: Final = "generated rows"

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Request:
    """Which reference data are asked for."""

    csv: Path | None
    seed: int
    scale: float
    keep_raw: bool
    data_dir: Path

    def provenance(self, rows: int) -> Provenance:
        """What will be remembered of them."""
        return Provenance(self.csv.name if self.csv else GENERATED, self.seed, self.scale, rows)


def main(
    *,
    csv: Annotated[
        Path | None, typer.Option(help="The public Train_Dataset.csv. Default: RAW_TABLE, else rows are generated.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all that is drawn. Default: DATA_SEED.")] = None,
    scale: Annotated[
        float | None,
        typer.Option(help="Share of the 214,000 applications to load, above 0 and up to 1. Default: REFERENCE_SCALE."),
    ] = None,
    dump_file: Annotated[
        Path | None,
        typer.Option("--dump", help="Also write what is loaded into this SQL file, which any client restores."),
    ] = None,
    schema_only: Annotated[
        bool, typer.Option("--schema-only", help="Only make the tables, the roles and their passwords.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the applications that are already loaded.")] = False,
    keep_raw: Annotated[bool, typer.Option("--keep-raw", help="Keep the generated CSV in RUN_DIR/data.")] = False,
) -> None:
    """Make the database ready: tables, roles, and the reference applications that models are trained on.

    Running it again is harmless: what is there stays, unless --force is given.

    The applications come from the public table where you have it, else from a generator of the same statistics.

    Either all of them are loaded or none.
    """
    try:
        settings = load_settings()
        _make_schema(settings)
        if not schema_only:
            request = Request(
                csv=csv or settings.raw_table,
                seed=settings.data_seed if seed is None else seed,
                scale=_checked_scale(settings.reference_scale if scale is None else scale),
                keep_raw=keep_raw,
                data_dir=settings.run_dir / "data",
            )
            _make_reference_data(settings.dsn(), request, force)
        if dump_file is not None:
            with progress_bar(console, f"Writing {dump_file}", None) as advance:
                dump(settings.dsn(), dump_file, advance)
    except ProjectError as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(EXIT_ERROR)


def _checked_scale(scale: float) -> float:
    if not 0 < scale <= 1:
        raise typer.BadParameter("must be above 0 and at most 1", param_hint="--scale")
    return scale


def _make_schema(settings: Settings) -> None:
    apply_schema(settings.dsn())
    passwords = {
        DatabaseRole.SERVER: settings.server_db_password,
        DatabaseRole.TRAINER: settings.trainer_db_password,
        DatabaseRole.AUDITOR: settings.auditor_db_password,
        DatabaseRole.MLFLOW: settings.mlflow_db_password,
    }
    set_passwords(settings.dsn(), {role: secret.get_secret_value() for role, secret in passwords.items() if secret})


def _make_reference_data(dsn: str, request: Request, force: bool) -> None:
    with connect(dsn) as connection:
        loaded, provenance = has_rows(connection), read_provenance(connection)
    if loaded and not force:
        console.print(f"Already loaded: {provenance or 'applications of unknown origin'}.", highlight=False)
        if provenance is None or provenance != request.provenance(provenance.rows):
            console.print("That is not what the settings ask for; --force replaces it.", style="yellow")
        return
    raw = request.csv or _generate(request)
    data = _reference_data(raw, request)
    provenance = request.provenance(len(data.labels))
    with console.status("Loading"):
        load(dsn, data, provenance)
    if request.csv is None and not request.keep_raw:
        raw.unlink()
    console.print(f"Loaded {provenance}.", highlight=False)


def _generate(request: Request) -> Path:
    rows = raw_rows_for(request.scale)
    path = request.data_dir / f"generated_seed{request.seed}_rows{rows}.csv"
    with console.status("Fitting the generator to the public table's statistics"):
        population = Population.fit(load_profile())
    with progress_bar(console, f"Generating {rows:,} raw rows", rows) as advance:
        write_raw_table(path, population, rows, request.seed, advance)
    return path


def _reference_data(raw: Path, request: Request) -> ReferenceData:
    size = raw.stat().st_size if raw.is_file() else None
    with progress_bar(console, f"Preparing {raw.name}", size) as advance:
        applicants = prepare(raw, advance)
    data = build_reference(applicants, request.scale, request.seed)
    if data.scale < request.scale:
        console.print(
            f"{raw.name} has {len(applicants.labels):,} usable rows of {applicants.raw_rows:,}: that is enough for "
            f"{len(data.labels):,} of the {round(REFERENCE_ROWS * request.scale):,} applications asked for.",
            style="yellow",
            highlight=False,
        )
    return data


if __name__ == "__main__":
    typer.run(main)
