"""`python -m initdb [upgrade | load | groups | roles | truth]`: schema and applications, where the settings say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from fraud.command_line import CommandLine
from fraud.database import connect
from fraud.provenance import read_provenance
from fraud.schema_version import NEWEST_VERSION
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.verdict import Verdict
from initdb.applications.command import load_command, load_first
from initdb.console import console, errors_in_one_line
from initdb.dump import dump
from initdb.errors import TruthError
from initdb.groups_command import groups_command
from initdb.preparation import AGENCY_CEILING
from initdb.progress import progress_bar
from initdb.request import Request, check_features
from initdb.schema import apply_roles, apply_schema, set_passwords
from initdb.training_table import has_rows
from initdb.upgrade import due_files

DATA_SEED: Final = 20230501

app = CommandLine()
app.command("load")(load_command)
app.command("groups")(groups_command)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    *,
    csv: Annotated[
        Path | None,
        typer.Option(help="The public Train_Dataset.csv. Default: RAW_TABLE, otherwise rows are generated."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random numbers.")] = DATA_SEED,
    scale: Annotated[
        float | None,
        typer.Option(help="Share of the 214,000 applications to load, above 0 and up to 1. Default: REFERENCE_SCALE."),
    ] = None,
    dump_file: Annotated[
        Path | None,
        typer.Option("--dump", help="Also write the loaded data into this SQL file, which any client can restore."),
    ] = None,
    schema_only: Annotated[
        bool, typer.Option("--schema-only", help="Only create the tables, the roles and their passwords.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the applications that are already loaded.")] = False,
    keep_raw: Annotated[bool, typer.Option("--keep-raw", help="Keep the generated CSV in RUN_DIR/data.")] = False,
) -> None:
    """Prepare the database: tables, roles, and the applications that models are trained on.

    Running it again is harmless: existing data are kept, unless --force is given.

    The applications are your own if APPLICATIONS_FILE names them. Otherwise they are a demonstration: the applicants of
    the public table, if you have it, or of a generator with the same statistics, with random dates and a simulated
    wave.

    Either all of them are loaded or none.
    """
    if context.invoked_subcommand is not None:
        return
    with errors_in_one_line():
        settings = load_settings()
        _make_schema(settings)
        own_file = None if csv else settings.applications_file
        if not schema_only and own_file is not None:
            load_first(settings.dsn(), own_file, settings.applications_columns, force)
        elif not schema_only:
            request = Request(
                csv=csv or settings.raw_table,
                seed=seed,
                scale=_checked_scale(settings.reference_scale if scale is None else scale),
                credit_ceiling=AGENCY_CEILING,
                keep_raw=keep_raw,
                data_dir=settings.run_dir / "data",
            )
            _make_reference_data(settings.dsn(), request, force)
        if dump_file is not None:
            with progress_bar(console, f"Writing {dump_file}", None) as advance:
                dump(settings.dsn(), dump_file, advance)


@app.command("upgrade")
def upgrade_command(
    *,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; list the missing versions.")] = False,
) -> None:
    """Upgrade the schema to this program's version, as every start does; all records are kept.

    Exit status: 0 the database has the newest version; 10 with --check: it does not; 2 it can't be upgraded, or has a
    later version of this project.
    """
    with errors_in_one_line():
        dsn = load_settings().dsn()
        if check:
            with connect(dsn) as connection:
                due = due_files(connection)
        else:
            due = apply_schema(dsn, _tell)
    console.print(_told(due, "Due" if check else "Applied"), highlight=False)
    sys.exit((Verdict.FAIL if check and due else Verdict.PASS).exit_status)


@app.command("truth")
def truth_command(path: Annotated[Path, typer.Argument(metavar="FILE.npz", help="Where to write them.")]) -> None:
    """Write labels and true probabilities of the generated applications, in the order of their date.

    Exit status: 0 written, 20 the applications were not generated, so the probabilities are unknown, 2 error.
    """
    # What generates tables takes seconds to import.
    from initdb.truth import generated_provenance, write_truth  # noqa: PLC0415

    with errors_in_one_line():
        dsn = load_settings().dsn()
        try:
            provenance = generated_provenance(dsn)
        except TruthError as error:
            console.print(str(error), highlight=False)
            sys.exit(Verdict.INCONCLUSIVE.exit_status)
        write_truth(provenance, path)
    console.print(f"Wrote {path}: {provenance}.", highlight=False)


@app.command("roles")
def roles_command() -> None:
    """Only create the roles, their grants on the database, and their passwords, as every start does.

    `serve.audit restore` runs it before it restores a dump, which names roles but does not contain them.
    """
    with errors_in_one_line():
        settings = load_settings()
        apply_roles(settings.dsn())
        _set_passwords(settings)


def _tell(what: str) -> None:
    console.print(what, markup=False, highlight=False, soft_wrap=True)


def _told(files: list[Path], what: str) -> str:
    if not files:
        return f"The schema has version {NEWEST_VERSION}, the newest."
    return f"{what}, to version {NEWEST_VERSION}: {', '.join(path.stem for path in files)}."


def _checked_scale(scale: float) -> float:
    if not 0 < scale <= 1:
        raise typer.BadParameter("must be above 0 and at most 1", param_hint="--scale")
    return scale


def _make_schema(settings: Settings) -> None:
    apply_schema(settings.dsn(), _tell)
    _set_passwords(settings)


def _set_passwords(settings: Settings) -> None:
    passwords = {
        DatabaseRole.SERVER: settings.server_db_password,
        DatabaseRole.TRAINER: settings.trainer_db_password,
        DatabaseRole.AUDITOR: settings.auditor_db_password,
        DatabaseRole.DESK: settings.desk_db_password,
        DatabaseRole.MLFLOW: settings.mlflow_db_password,
    }
    set_passwords(settings.dsn(), {role: secret.get_secret_value() for role, secret in passwords.items() if secret})


def _make_reference_data(dsn: str, request: Request, force: bool) -> None:
    with connect(dsn) as connection:
        loaded, provenance = has_rows(connection), read_provenance(connection)
    if loaded and not force:
        console.print(f"Already loaded: {provenance or 'applications of unknown origin'}.", highlight=False)
        if provenance is None or (provenance.reference and not request.is_met_by(provenance)):
            console.print("The settings ask for something else; --force replaces it.", style="yellow")
        return
    check_features()
    console.print("Making the reference applications ...")
    # The generator and the readers take seconds to import, and a start that finds its data needs neither.
    from initdb.replacement import replace_rows  # noqa: PLC0415

    provenance = replace_rows(dsn, request, console)
    console.print(f"Loaded {provenance}.", highlight=False)


if __name__ == "__main__":
    app()
