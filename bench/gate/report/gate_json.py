"""The report as JSON: all verdicts, reasons and figures; the plots are on the page only."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from pydantic import BaseModel

from bench.gate.report.gate_report import GateReport


def gate_json(report: GateReport) -> bytes:
    """The report with its verdict, exit status and reasons first."""
    head = {
        "verdict": report.verdict,
        "exit_status": report.verdict.exit_status,
        "reasons": report.reasons,
    }
    # Plots go before anything is encoded: msgspec would write each of them as base64.
    quality = None if report.quality is None else replace(report.quality, plots=())
    body = msgspec.to_builtins(replace(report, quality=quality), enc_hook=_plain)
    if quality is not None:
        del body["quality"]["plots"]
    return msgspec.json.format(msgspec.json.encode(head | body)) + b"\n"


def _plain(value: object) -> object:
    """Settings that are tables, such as the vetoes."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    raise NotImplementedError(type(value))
