"""What a process may not do on behalf of a test that is not marked `service`; by Python's audit events (PEP 578)."""

from __future__ import annotations

DATABASE_PROGRAMS = {"initdb", "pg_ctl", "postgres"}


class ServiceStartedError(RuntimeError):
    """A test that is thought to need no service starts one."""


def refuse_database(event: str, arguments: tuple[object, ...]) -> None:
    """No process starts PostgreSQL."""
    if event == "subprocess.Popen" and str(arguments[0]).rpartition("/")[2] in DATABASE_PROGRAMS:
        raise ServiceStartedError(f"{arguments[0]} is started by a test without a fixture of tests/services.py")


def refuse_server(event: str, arguments: tuple[object, ...]) -> None:
    """No child process serves a port: neither `python -m serve` nor MLflow nor any other."""
    if event == "socket.bind" and isinstance(arguments[1], tuple):
        raise ServiceStartedError(f"{arguments[1]} is served for a test without a fixture of tests/services.py")
