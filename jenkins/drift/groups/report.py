"""The check of groups for the database, with a page for people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from fraud.report.plain_page import bullets, encode_page, facts_table, note, rows_table, verdict_heading
from fraud.report.stored import Report, ReportKind
from fraud.report.verdict_file import verdict_json
from fraud.statistics.group_fairness import GroupFigure
from jenkins.drift.groups.check import GroupCheck, MonthFigures
from jenkins.drift.realised import RealisedMonth

HEADER = (
    "Group",
    "Answers",
    "Mean probability",
    "Share reviewed (95%)",
    "Wrongly reviewed (95%)",
    "Divorces over predicted (95%)",
)
REALISED_HEADER = (
    "Month",
    "With an outcome",
    "Divorced",
    "Average precision (95%)",
    "Mean probability",
    "Share that divorced (95%)",
)


def stored_report(found: GroupCheck, made_at: dt.datetime) -> Report:
    """The report of a check."""
    facts = verdict_json(found.verdict, found.reasons, found.details)
    return Report(ReportKind.GROUPS, made_at, found.verdict, html_page(found), facts.decode())


def html_page(found: GroupCheck) -> str:
    """The page: the reasons, then each month's groups."""
    parts = [bullets(found.reasons)]
    for month in found.months:
        parts += _month(month)
    if found.realised:
        parts += ["<h2>What came true</h2>", rows_table(REALISED_HEADER, map(_realised, found.realised))]
    parts.append(note("Figures of outcomes cover applications whose outcome is known."))
    heading = verdict_heading("Groups of applicants", found.verdict)
    return encode_page(f"Groups of applicants: {found.verdict}", parts, heading)


def _month(month: MonthFigures) -> list[str]:
    versions = ", ".join(map(str, month.versions))
    facts = {
        "Answers": f"{month.answers:,}",
        "Looked at": f"{month.looked_at:,}",
        "With an outcome": f"{month.labelled:,}",
    }
    return [
        f"<h2>{month.month}</h2>",
        facts_table({**facts, "Versions": versions}.items()),
        rows_table(HEADER, _rows(month)),
    ]


def _realised(month: RealisedMonth) -> tuple[str, ...]:
    return (
        month.month,
        f"{month.labelled:,}",
        f"{month.divorced:,}",
        "-" if month.average_precision is None else f"{month.average_precision}",
        f"{month.predicted:.4f}",
        f"{month.happened}",
    )


def _rows(month: MonthFigures) -> Iterator[tuple[str, ...]]:
    known = {group.name: group for group in month.labelled_groups}
    for group in month.groups:
        labelled = known.get(group.name)
        yield (
            group.name,
            f"{group.rows:,}",
            f"{group.mean_probability:.4f}",
            _figure(group.selection_rate, ".1%"),
            _figure(None if labelled is None else labelled.false_positive_rate, ".1%"),
            _figure(None if labelled is None else labelled.calibration, ".2f"),
        )


def _figure(found: GroupFigure | None, form: str) -> str:
    if found is None:
        return "-"
    low, estimate, high = (format(x, form) for x in (found.figure.low, found.figure.estimate, found.figure.high))
    return f"{estimate} ({low} to {high})"
