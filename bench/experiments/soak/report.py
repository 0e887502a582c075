"""What the soak test leaves: `soak.json` for machines, a table for those who watch."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from rich.table import Table

from bench.experiments.soak.judge import Figures, Seen
from bench.experiments.soak.load_plan import Effort
from bench.experiments.soak.records import Records
from bench.experiments.soak.samples import BROKEN, Samples
from bench.gate.latency.load_plan import REQUEST_KINDS
from fraud.verdict import Verdict


class Part(msgspec.Struct, frozen=True):
    """One part of the test."""

    name: str
    seconds: float
    sent: int
    answered: int
    refused: int
    broken: int
    answered_rows_per_s: float
    p50_ms: float
    p99_ms: float
    """Of the answers with 200."""
    refusal_p99_ms: float
    answered_by_kind: dict[str, int]
    sent_by_kind: dict[str, int]


class Report(msgspec.Struct, frozen=True):
    """`soak.json`."""

    verdict: Verdict
    reasons: list[str]
    parts: list[Part]
    figures: Figures
    records: Records
    load_process: list[Effort]


def report(seen: Seen, figures: Figures, verdict: Verdict, reasons: list[str]) -> Report:
    """Put it together."""
    parts = [_part(name, samples) for name, samples in seen.parts.items()]
    return Report(verdict, reasons, parts, figures, seen.records, list(seen.efforts))


def write_json(path: Path, found: Report) -> None:
    """Write `soak.json`."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found)))


def table(found: Report) -> Table:
    """A line for each part."""
    shown = Table(
        "",
        "s",
        "sent/s",
        "answered/s",
        "refused/s",
        "broken",
        "rows/s answered",
        "p50 ms",
        "p99 ms",
        "p99 ms to refuse",
    )
    for column in shown.columns[1:]:
        column.justify = "right"
    for part in found.parts:
        rates = (f"{count / part.seconds:,.0f}" for count in (part.sent, part.answered, part.refused))
        shown.add_row(
            part.name,
            f"{part.seconds:.0f}",
            *rates,
            str(part.broken),
            f"{part.answered_rows_per_s:,.0f}",
            f"{part.p50_ms:.1f}",
            f"{part.p99_ms:.1f}",
            f"{part.refusal_p99_ms:.1f}" if part.refused else "-",
        )
    return shown


def lines(found: Report) -> list[str]:
    """What the table does not say."""
    figures, records = found.figures, found.records
    growth = "; ".join(f"{name} {growth} MiB/h" for name, growth in figures.growth_mib_h.items())
    return [
        f"memory: {growth}",
        f"the soak asked for {figures.soak_load:.0%} of the maximum right after it; {figures.shed} refused",
        f"p99 of the soak, last third over first: {figures.p99_ratio}",
        f"rows answered in time at twice the maximum, over the maximum before and after: {figures.goodput_ratio}",
        f"serves as before {figures.recovery_s:.0f} s after the overload",
        f"records: {records.recorded:,} of {records.answered:,} answers, {records.recorded_rows:,} of "
        f"{records.answered_rows:,} rows; {records.lost} lost, {records.twice} twice, {records.unanswered} unanswered",
        f"load process: busy for {figures.busy_share:.0%} at most",
        *found.reasons,
        f"verdict: {found.verdict}",
    ]


def _part(name: str, samples: Samples) -> Part:
    seconds = float(samples.due_s.max() - samples.due_s.min())
    answered, refused = samples.where(samples.status == 200), samples.where(samples.status == 503)
    rows = np.array([kind.rows for kind in REQUEST_KINDS])[answered.kind].sum()
    return Part(
        name=name,
        seconds=seconds,
        sent=len(samples.status),
        answered=len(answered.status),
        refused=len(refused.status),
        broken=int((samples.status == BROKEN).sum()),
        answered_rows_per_s=float(rows / seconds),
        p50_ms=_quantile_ms(answered, 0.5),
        p99_ms=_quantile_ms(answered, 0.99),
        refusal_p99_ms=_quantile_ms(refused, 0.99),
        answered_by_kind=_by_kind(answered),
        sent_by_kind=_by_kind(samples),
    )


def _quantile_ms(samples: Samples, quantile: float) -> float:
    return 1e3 * float(np.quantile(samples.latency_s, quantile)) if len(samples.status) else 0.0


def _by_kind(samples: Samples) -> dict[str, int]:
    counts = np.bincount(samples.kind, minlength=len(REQUEST_KINDS))
    return {kind.name: int(count) for kind, count in zip(REQUEST_KINDS, counts, strict=True)}
