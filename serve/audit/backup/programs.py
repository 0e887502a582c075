"""PostgreSQL's client programs for a backup: of at least the server's version, and without a
password visible in `ps`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from psycopg2.extensions import make_dsn, parse_dsn

from fraud.environment import without_libpq_variables
from fraud.stack.errors import StackError
from fraud.stack.postgres import program_folder
from serve.audit.errors import AuditError

_VERSION: Final = re.compile(r"\) (\d+)")
_DEBIAN: Final = Path("/usr/lib/postgresql")


def find_program(name: str, major: int, given: Path | None) -> Path:
    """`pg_dump` or `pg_restore` of at least a major version: from the given folder, or else from the embedded server,
    PATH, or Debian's folders.

    Raises:
        AuditError: there is none.
    """
    folders = [given] if given is not None else list(_folders())
    found = [folder / name for folder in folders if os.access(folder / name, os.X_OK)]
    for program in found:
        if _major_of(program) >= major:
            return program
    raise AuditError(
        f"{name} of PostgreSQL {major} or later was not found: install its client programs, or name their folder with "
        f"--programs"
    )


def run_program(program: Path, dsn: str, arguments: Sequence[str]) -> None:
    """Run a program against a database.

    Raises:
        AuditError: it failed; with the first line of its output.
    """
    parts = parse_dsn(dsn)
    password = parts.pop("password", None)
    environment = without_libpq_variables(os.environ) | ({} if password is None else {"PGPASSWORD": password})
    command = [str(program), "--no-password", f"--dbname={make_dsn(**parts)}", *arguments]
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        # Further lines can quote the data.
        said = done.stderr.strip().partition("\n")[0]
        raise AuditError(f"{program.name} ended with status {done.returncode}: {said}")


def read_program(program: Path, arguments: Sequence[str]) -> str:
    """The output of a program that needs no database.

    Raises:
        AuditError: it failed.
    """
    done = subprocess.run([program, *arguments], capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise AuditError(f"{program.name} ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _folders() -> Iterator[Path]:
    with contextlib.suppress(StackError):  # not installed in a container
        yield program_folder()
    if (found := shutil.which("pg_dump")) is not None:
        yield Path(found).parent
    yield from sorted(_DEBIAN.glob("*/bin"), reverse=True)


def _major_of(program: Path) -> int:
    match = _VERSION.search(read_program(program, ["--version"]))
    return 0 if match is None else int(match[1])
