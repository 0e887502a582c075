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

Name = Annotated[str, typer.Argument(help="Name of the account, as its person types it.")]
Roles = Annotated[list[PersonRole], typer.Option("--role", help="What the person may do; may be given several times.")]

app = CommandLine()


@app.callback()
def main() -> None:
    """Make and change accounts of people; programs have API keys (`python -m serve.keys`).

    Run it as the owner of the database. Each act is written to the journal, with the name of who is logged in to this
    machine. Exit status: 0 done, 2 error.
    """


@app.command()
def add(name: Name, role: Roles) -> None:
    """Make an account, and print a password for one login, which its person changes then."""
    with owner_transaction(APPLICATION_NAME) as connection:
        password = administration.add(connection, person_here(), name, role)
    typer.echo(_told(name, password))


@app.command()
def reset(name: Name) -> None:
    """Replace a password that is lost or known to others, and end the account's logins."""
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
    """Let nobody log in by an account any more, and end its logins. What its person did stays on record."""
    with owner_transaction(APPLICATION_NAME) as connection:
        administration.set_disabled(connection, person_here(), name, is_disabled=True)


@app.command()
def enable(name: Name) -> None:
    """Let the person of a disabled account log in again."""
    with owner_transaction(APPLICATION_NAME) as connection:
        administration.set_disabled(connection, person_here(), name, is_disabled=False)


@app.command("list")
def list_accounts() -> None:
    """Names and roles of all accounts."""
    with owner_transaction(APPLICATION_NAME) as connection:
        for account in read_accounts(connection):
            state = ", disabled" if account.is_disabled else ", has yet to log in" if account.must_change else ""
            typer.echo(f"{account.name}: {', '.join(account.roles_in_order)}{state}")


def _told(name: str, password: str) -> str:
    return f"For {name}, shown this once, for one login:\n\n{password}"


if __name__ == "__main__":
    app()
