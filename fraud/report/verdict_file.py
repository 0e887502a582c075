"""`verdict.json`: the result of a check for programs, which need not search a log."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from fraud.errors import ProjectError
from fraud.report.files import write_files
from fraud.verdict import Verdict

VERDICT_FILE: Final = "verdict.json"


class VerdictFileError(ProjectError):
    """There is no `verdict.json`, or it is none."""


class VerdictHead(msgspec.Struct, frozen=True):
    """What every `verdict.json` begins with; what follows is each check's own."""

    verdict: Verdict
    exit_status: int
    reasons: tuple[str, ...]
    """One sentence each."""


def verdict_json(verdict: Verdict, reasons: tuple[str, ...], details: dict[str, Any]) -> bytes:
    """A `verdict.json`: its head, then details."""
    head = VerdictHead(verdict, verdict.exit_status, reasons)
    return msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(head) | msgspec.to_builtins(details))) + b"\n"


def write_verdict(folder: Path, verdict: Verdict, reasons: tuple[str, ...], details: dict[str, Any]) -> Path:
    """Write `verdict.json` into the folder, which is made if it is not there; it appears whole or not at all."""
    (path,) = write_files(folder, {VERDICT_FILE: verdict_json(verdict, reasons, details)})
    return path


def read_verdict(path: Path) -> VerdictHead:
    """The beginning of a `verdict.json`, or of another report that begins like one.

    Raises:
        VerdictFileError: there is none, or it is something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=VerdictHead)
    except (OSError, msgspec.MsgspecError) as error:
        raise VerdictFileError(f"{path}: no verdict can be read ({error})") from error
