"""`python -m serve.people`: accounts of people who log in to the pages."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from fraud.acting_person import person_here
from fraud.command_line import CommandLine
from fraud.owner_session import owner_transaction
from serve.people import administration
from serve.people.account import PersonRole
from serve.people.accounts_table import read_accounts

APPLICATION_NAME: Final = "people"

Name = Annotated[str, typer.Argument(help="Name of the account, as typed at login.")]
Roles = Annotated[list[PersonRole], typer.Option("--role", help="Role of the person; can be repeated.")]

app = CommandLine()


@app.callback()
def main() -> None:
    """Manage people's accounts; programs have API keys (`python -m serve.keys`).

    Run it as the owner of the database. Each act is recorded in the journal, with the name of the user logged in to
    this machine. Exit status: 0 done, 2 error.
    """


@app.command()
def add(name: Name, role: Roles) -> None:
    """Create an account, and print a password for one login; the person must change it then."""
    with owner_transaction(APPLICATION_NAME) as connection:
        password = administration.add(connection, person_here(), name, role)
    typer.echo(_told(name, password))


@app.command()
def reset(name: Name) -> None:
    """Replace a lost or leaked password, and end the account's sessions."""
    with owner_transaction(APPLICATION_NAME) as connection:
        password = administration.reset(connection, person_here(), name)
    typer.echo(_told(name, password))


@app.command()
def roles(name: Name, role: Roles) -> None:
    """Give an account these roles, and no others."""
    with owner_transaction(APPLICATION_NAME) as connection:
        administration.set_roles(connection, person_here(), name, role)


@app.command()
def disable(name: Name) -> None:
    """Disable an account, and end its sessions. Its person's acts stay on record."""
    with owner_transaction(APPLICATION_NAME) as connection:
        administration.set_disabled(connection, person_here(), name, is_disabled=True)


@app.command()
def enable(name: Name) -> None:
    """Enable a disabled account again."""
    with owner_transaction(APPLICATION_NAME) as connection:
        administration.set_disabled(connection, person_here(), name, is_disabled=False)


@app.command("list")
def list_accounts() -> None:
    """List the names and roles of all accounts."""
    with owner_transaction(APPLICATION_NAME) as connection:
        for account in read_accounts(connection):
            state = ", disabled" if account.is_disabled else ", has yet to log in" if account.must_change else ""
            typer.echo(f"{account.name}: {', '.join(account.roles_in_order)}{state}")


def _told(name: str, password: str) -> str:
    return f"For {name}, shown this once, for one login:\n\n{password}"


if __name__ == "__main__":
    app()
