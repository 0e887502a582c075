"""`python -m serve.keys`: create, list, revoke and rotate clients' API keys while servers run."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final

import typer

from fraud.acting_person import person_here
from fraud.api_keys import Role
from fraud.command_line import CommandLine
from fraud.owner_session import owner_transaction
from fraud.settings import load_settings
from serve.keys import administration
from serve.keys.administration import NewKey
from serve.keys.stored_key import ListedKey, state_of
from serve.keys.table import read_keys

APPLICATION_NAME: Final = "keys"

Number = Annotated[int, typer.Argument(min=1, help="Number of the key, as `list` shows it.")]

app = CommandLine()


@app.callback()
def main() -> None:
    """Manage clients' API keys; people have accounts (`python -m serve.people`).

    Run it as the owner of the database. Servers follow within seconds. Each act is recorded in the journal, with the
    name of the user logged in to this machine. Exit status: 0 done, 2 error.
    """


@app.command()
def add(
    client: Annotated[str, typer.Argument(help="Name of the client: 1 to 64 letters, digits or . _ -")],
    role: Annotated[list[Role] | None, typer.Option(help="Role of the key; can be repeated.")] = None,
    days: Annotated[
        float | None, typer.Option(min=0, help="Days until it expires; default: never, unless revoked.")
    ] = None,
) -> None:
    """Create a key for a client, and print it, this once; the default role is score."""
    lifetime = None if days is None else _time(days=days)
    with owner_transaction(APPLICATION_NAME) as connection:
        made = administration.add(connection, person_here(), client, role or [Role.SCORE], lifetime)
    typer.echo(_told(made))


@app.command()
def revoke(key: Number) -> None:
    """Revoke a key."""
    with owner_transaction(APPLICATION_NAME) as connection:
        administration.revoke(connection, person_here(), key)


@app.command()
def rotate(
    key: Number,
    grace_hours: Annotated[float, typer.Option(min=0, help="Time for which the old key stays valid.")],
) -> None:
    """Replace a key by a new one for the same client with the same roles, and print it, this once."""
    with owner_transaction(APPLICATION_NAME) as connection:
        made = administration.rotate(connection, person_here(), key, _time(hours=grace_hours))
    typer.echo(_told(made))


@app.command("list")
def list_keys() -> None:
    """List all keys, by client, with their roles, state and last use."""
    with owner_transaction(APPLICATION_NAME) as connection:
        keys = read_keys(connection)
        of_settings = load_settings().api_keys
    for key in keys:
        typer.echo(_line(key))
    for entry in of_settings:
        roles = ", ".join(role for role in Role if role in entry.roles)
        typer.echo(f"{entry.client}: {roles}; from the settings (API_KEYS)")


def _line(key: ListedKey) -> str:
    state = state_of(key, dt.datetime.now(dt.UTC))
    used = "never used" if key.last_used_at is None else f"last used {key.last_used_at:%Y-%m-%d %H:%M} UTC"
    return f"{key.client}, key {key.number}: {', '.join(key.roles_in_order)}; {state}; {used}"


def _told(made: NewKey) -> str:
    return f"Key {made.number} of {made.client}, shown this once:\n\n{made.key}"


def _time(**units: float) -> dt.timedelta:
    try:
        return dt.timedelta(**units)
    except (OverflowError, ValueError):
        return dt.timedelta.max


if __name__ == "__main__":
    app()
