"""Adds a claim to the `verdict.json` of the check that it rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from fraud.report.files import write_files
from jenkins.drift.claims import Claim
from jenkins.drift.errors import DriftError
from jenkins.drift.report.files import JSON_FILE


def write_claim(claim: Claim, folder: Path) -> None:
    """Say in the report whether a retraining was granted; without a report there is nothing to add to.

    Raises:
        DriftError: the report is none.
    """
    path = folder / JSON_FILE
    if not path.exists():
        return
    try:
        report = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise DriftError(f"{path} is no verdict: {error}") from error
    report["retraining"] = {"granted": claim.granted, "reason": claim.reason}
    write_files(folder, {JSON_FILE: msgspec.json.format(msgspec.json.encode(report)) + b"\n"})
