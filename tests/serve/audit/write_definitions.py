"""`python -m tests.serve.audit.write_definitions`: after a new version of the schema, what `verify` compares with."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from fraud.command_line import CommandLine
from fraud.database import connect
from fraud.stack.postgres import EmbeddedPostgres
from initdb.schema import apply_schema
from serve.audit.definitions import FILE, Definitions, read_definitions


def encode(definitions: Definitions) -> bytes:
    """As JSON that a person can read the changes of."""
    return msgspec.json.format(msgspec.json.encode(definitions, order="sorted"), indent=2) + b"\n"


def main() -> None:
    """Write what `serve.audit verify` compares with, as a fresh database of its own has it."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", "definitions")
        try:
            dsn = server.start()
            apply_schema(dsn)
            with connect(dsn) as connection:
                FILE.write_bytes(encode(read_definitions(connection)))
        finally:
            server.stop()


if __name__ == "__main__":
    CommandLine(main)()
