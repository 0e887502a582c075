"""`/reports`: a list of what checks found, and each report as its check wrote it."""

from __future__ import annotations

from typing import Final

from starlette.responses import HTMLResponse, Response

from desk.errors import Changed, NotFound
from desk.rendering import render
from desk.visits import Page, Visit
from fraud.report.kinds import CALLED
from fraud.report.stored import Report, ReportKind, find_report, list_reports
from serve.people.account import PersonRole

SHOWN_TO: Final = frozenset({PersonRole.OPERATE, PersonRole.AUDIT, PersonRole.SUPERVISE, PersonRole.ADMIN})
"""Whoever may see reports, and the first page, which leads to them."""
MOST: Final = 200
"""Of one list."""
POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
)
"""A report has all that it needs inside, and no right to do anything."""
_LARGEST: Final = 2**63 - 1


def report_pages() -> list[Page]:
    """Their addresses."""
    return [
        Page("/reports", _list, roles=SHOWN_TO),
        Page("/reports/{number:int}", _show, roles=SHOWN_TO),
        Page("/reports/{number:int}.json", _download, roles=SHOWN_TO),
    ]


def _list(visit: Visit) -> Response:
    asked = visit.request.query_params.get("kind") or None
    if asked is not None and asked not in CALLED:
        raise NotFound(f"there are no reports of that kind: expected one of {', '.join(CALLED)}")
    kind = None if asked is None else ReportKind(asked)
    reports = list_reports(visit.connection, kind, MOST)
    return render("reports.html", visit, reports=reports, kinds=CALLED, chosen=kind, most=MOST)


def _show(visit: Visit) -> Response:
    return HTMLResponse(_found(visit).page, headers={"Content-Security-Policy": POLICY})


def _download(visit: Visit) -> Response:
    report = _found(visit)
    name = f"{report.kind}-{report.made_at:%Y%m%dT%H%M%SZ}.json"
    return Response(
        report.facts,
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _found(visit: Visit) -> Report:
    number = visit.request.path_params["number"]
    found = find_report(visit.connection, number) if number <= _LARGEST else None
    if found is None:
        raise NotFound(f"there is no report {number}: /reports lists the existing ones")
    if not found.is_unchanged:
        raise Changed(
            f"report {number} is not what was stored: somebody changed it in the database; restore it from a backup"
        )
    return found.report
