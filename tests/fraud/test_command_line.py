"""What a person at a terminal is told of arguments that are wrong, and of faults of what a command needs."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import psycopg2
import pytest
import typer
from typer.testing import CliRunner

from fraud.command_line import CommandLine
from fraud.errors import DatabaseError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def paint(
    *,
    layers: Annotated[int, typer.Option(min=1)] = 1,
    width: Annotated[int, typer.Option(min=1, max=9)] = 1,
    share: Annotated[float, typer.Option(max=1)] = 1.0,
    seed: Annotated[int | None, typer.Option()] = None,
    day: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    colour: Annotated[Colour, typer.Option()] = Colour.RED,
    wet: Annotated[bool, typer.Option("--wet")] = False,
    file: Annotated[Path | None, typer.Argument(metavar="FILE")] = None,
) -> int | None:
    """Paint a wall."""
    if wet:
        raise typer.BadParameter("only in summer", param_hint="--wet")
    typer.echo(f"{layers} {width} {share} {seed} {day} {colour} {file}")
    return 20 if colour is Colour.BLUE else None


WRONG = [
    (["--layers", "two"], "--layers: expected a whole number of 1 or more, not 'two'"),
    (["--layers", "0"], "--layers: expected a whole number of 1 or more, not '0'"),
    (["--width", "10"], "--width: expected a whole number from 1 to 9, not '10'"),
    (["--share", "2"], "--share: expected a number of at most 1, not '2'"),
    (["--seed", "1.5"], "--seed: expected a whole number, not '1.5'"),
    (["--day", "1 May"], "--day: expected a date as YYYY-MM-DD, not '1 May'"),
    (["--colour", "grey"], "--colour: expected one of red, blue, not 'grey'"),
    (["--wet"], "--wet: only in summer"),
    (["--wett"], "no such option: --wett (Possible options: --wet, --width)"),
    (["--seed"], "option '--seed' requires an argument"),
    (["a", "b"], "got unexpected extra argument(s) (b)"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_wrong_argument_is_one_line_that_names_what_is_expected(arguments: list[str], said: str) -> None:
    ended = CliRunner().invoke(CommandLine(paint), arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.removesuffix("\n").removesuffix(" (see `paint --help`)") == f"error: {said}"


@pytest.mark.parametrize(
    ("arguments", "said"), [([], "missing command"), (["pain"], "no such command 'pain'. Did you mean 'paint'?")]
)
def test_missing_command_is_one_line_that_lists_them(arguments: list[str], said: str) -> None:
    app = CommandLine(help="Walls.")
    app.command()(paint)
    app.command("wash")(paint)
    ended = CliRunner().invoke(app, arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"error: {said}: expected one of paint, wash (see ")


@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["--colour", "blue"], 20)])
def test_a_commands_return_value_is_its_exit_status(arguments: list[str], status: int) -> None:
    assert CliRunner().invoke(CommandLine(paint), arguments).exit_code == status


def test_help_shows_flags_and_dates_as_people_write_them() -> None:
    shown = CliRunner().invoke(CommandLine(paint), ["--help"]).stdout
    assert "Paint a wall." in shown
    assert "YYYY-MM-DD" in shown
    assert "<bool>" not in shown
    assert "completion" not in shown


FAULTS = [
    (DatabaseError("PostgreSQL is away"), "PostgreSQL is away"),
    (FileNotFoundError(2, "No such file or directory", "a.csv"), "a.csv: No such file or directory"),
    (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
    (psycopg2.OperationalError("server closed\n\tthe connection\n"), "PostgreSQL: server closed the connection"),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_fault_that_can_be_mended_is_one_line(fault: Exception, said: str) -> None:
    def fail() -> None:
        raise fault

    ended = CliRunner().invoke(CommandLine(fail), [])
    assert (ended.exit_code, ended.stderr) == (2, f"error: {said}\n")


def test_crash_keeps_its_traceback() -> None:
    def fail() -> None:
        raise RuntimeError("a mistake of ours")

    ended = CliRunner().invoke(CommandLine(fail), [])
    assert isinstance(ended.exception, RuntimeError)
