"""`/outcomes`: tell what became of applications by a file, and see how late and how many labels come."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from desk.rendering import render
from desk.visits import Page, Visit
from fraud.counted import counted
from serve.errors import RowFault, ServeError
from serve.labels.errors import InvalidLabels
from serve.labels.label import FIELDS, OUTCOMES, checked
from serve.labels.reading import rows_of_file
from serve.labels.table import delays, record, submissions, told
from serve.people.account import PersonRole

ADDRESS: Final = "/outcomes"
SHOWN_TO: Final = frozenset({PersonRole.SUPERVISE})
MOST_FILE_BYTES: Final = 1000 * 1000
"""What leads to the desk lets so much pass; larger files are for the command."""
MOST_SHOWN: Final = 30
FILE: Final = "file"


def outcomes_page() -> Page:
    """Its address."""
    return Page(ADDRESS, _show, _take, SHOWN_TO, MOST_FILE_BYTES)


def _show(
    visit: Visit, said: str = "", faults: Sequence[RowFault] = (), status: HTTPStatus = HTTPStatus.OK
) -> Response:
    return render(
        "outcomes.html",
        visit,
        status,
        told=said,
        faults=faults,
        fields=FIELDS,
        outcomes=list(OUTCOMES),
        submissions=submissions(visit.connection, MOST_SHOWN),
        delays=delays(visit.connection, MOST_SHOWN),
    )


def _take(visit: Visit) -> Response:
    content = visit.files.get(FILE, b"")
    if not content:
        return _show(visit, "No file was sent: choose one first.", status=HTTPStatus.BAD_REQUEST)
    assert visit.person is not None  # noqa: S101 - the page takes a role
    try:
        labels, faults = checked(rows_of_file(content), dt.datetime.now(dt.UTC).date())
        if faults:
            raise InvalidLabels(faults)
        # A file that is sent again is recorded again: it overrides corrections made in between.
        key = f"page:{uuid.uuid4()}"
        return _show(visit, told(record(visit.connection, visit.person.name, key, labels)))
    except InvalidLabels as error:
        said = f"{counted(len(error.faults), 'fault')}: nothing was recorded."
        return _show(visit, said, error.faults, HTTPStatus.BAD_REQUEST)
    except ServeError as error:
        return _show(visit, f"{error.message[:1].upper()}{error.message[1:]}.", status=HTTPStatus.BAD_REQUEST)
