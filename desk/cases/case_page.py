"""`/desk/cases/N`: one case, without its score until the officer noted a first view, and what can be done with it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import numpy as np
from starlette.responses import RedirectResponse, Response

from desk.cases.versions import NotExplained, Versions
from desk.cases.words import ACTS, DECISIONS, GROUNDS, STATES, details, of_100, one_in, shown_values
from desk.errors import NotFound
from desk.rendering import render
from desk.visits import Page, Visit
from fraud.features import FEATURE_COUNT, FEATURES
from serve.cases.answers import CaseAnswer, answer_of, applications_beside
from serve.cases.case import Act, Case, Ground, State
from serve.cases.errors import CaseError
from serve.cases.lifecycle import DECISIONS as DECIDING
from serve.cases.lifecycle import HOLDERS_ONLY, is_allowed, refusal_of
from serve.cases.table import find_case, histories
from serve.cases.work import OFFICERS, Officer, Said, do, has_viewed_first
from serve.scoring.plausibility import warnings_of

MOST_BESIDE: Final = 20
"""Other applications that are shown."""
DAYS: Final = "14"
"""In which something is due again, unless the officer says otherwise."""
GROUND_FIELD: Final = "ground_"
_SHOWN_TO_ALL: Final = frozenset({State.WAITING, State.DECIDED, State.CLOSED})
"""Somebody has decided: who signs or answers the couple sees what they saw."""
_OTHER_ACTS: Final = frozenset({Act.RELEASED, Act.HANDED_OVER, Act.ESCALATED, Act.CLOSED, Act.REOPENED, Act.APPEALED})
"""Behind a heading that is opened."""
_NUMBER: Final = re.compile(r"[0-9]{1,3}")


class CasePage:
    """The page of a case."""

    def __init__(self, versions: Versions, *, blind_first: bool) -> None:
        self._versions = versions
        self._blind_first = blind_first

    def page(self) -> Page:
        """Its address."""
        return Page("/desk/cases/{number:int}", self._show, self._act, OFFICERS)

    def _act(self, visit: Visit) -> Response:
        case, asked = found_case(visit), visit.form.get("act", "")
        if asked not in set(Act) - {Act.OPENED, Act.ERASED}:
            return self._show(visit, "This form asks for an unknown action.", HTTPStatus.BAD_REQUEST)
        # A refusal undoes the begun changes, and the page is shown in the same transaction.
        with visit.connection.cursor() as cursor:
            cursor.execute("SAVEPOINT act")
        try:
            said = _said(visit.form)
            do(visit.connection, officer_of(visit), case.number, Act(asked), said, blind_first=self._blind_first)
        except CaseError as error:
            with visit.connection.cursor() as cursor:
                cursor.execute("ROLLBACK TO SAVEPOINT act")
            return self._show(visit, f"This can't be done: {error}.", HTTPStatus.CONFLICT)
        return RedirectResponse(f"/desk/cases/{case.number}", HTTPStatus.SEE_OTHER)

    def _show(self, visit: Visit, told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
        officer, case = officer_of(visit), found_case(visit)
        ((_, events),) = ((one.case, one.events) for one in histories(visit.connection, [case]))
        answer = answer_of(visit.connection, case.number)
        row = None if answer is None else answer.row
        is_shown = score_is_shown(visit, case, blind_first=self._blind_first)
        allowed = {act for act in Act if may(case, act, officer)}
        return render(
            "case.html",
            visit,
            status,
            told=told,
            case=case,
            state=STATES[case.state],
            decision=None if case.decision is None else DECISIONS[case.decision],
            is_overdue=case.due_at < dt.datetime.now(dt.UTC),
            answer=answer,
            values=[] if row is None else shown_values(FEATURES, row.tolist()),
            warnings=_warnings(row),
            score=self._score(answer) if is_shown and answer is not None else None,
            beside=applications_beside(visit.connection, case.number, MOST_BESIDE),
            is_shown=is_shown,
            allowed=allowed,
            decides=bool(allowed & DECIDING.keys()) and is_shown,
            has_other_acts=bool(allowed & _OTHER_ACTS),
            grounds=GROUNDS,
            form=visit.form,
            days=visit.form.get("days", DAYS),
            events=[(event, ACTS[event.act], details(event)) for event in events],
        )

    def _score(self, answer: CaseAnswer) -> dict[str, Any]:
        """What the model said, in plain words."""
        explained, why_none = None, ""
        try:
            if answer.row is None:
                raise NotExplained("the values of this application were erased")
            explained = self._versions.explain(answer.row, answer.model_version, answer.model_sha256)
        except NotExplained as error:
            why_none = str(error)
        overall = None if explained is None or not explained.overall else one_in(explained.overall)
        return {"words": of_100(answer.probability), "overall": overall, "explained": explained, "why_none": why_none}


def officer_of(visit: Visit) -> Officer:
    """Who looks."""
    assert visit.person is not None  # noqa: S101 - the pages take a role
    return Officer(visit.person.name, visit.person.roles)


def found_case(visit: Visit) -> Case:
    """The case of the address.

    Raises:
        NotFound: there is none.
    """
    number = visit.request.path_params["number"]
    case = find_case(visit.connection, number)
    if case is None:
        raise NotFound(f"there is no case {number}: /desk lists the existing ones")
    return case


def score_is_shown(visit: Visit, case: Case, *, blind_first: bool) -> bool:
    """Whether this visitor may see what the model said: after a first view of their own, or a decision."""
    if not blind_first or case.state in _SHOWN_TO_ALL:
        return True
    return has_viewed_first(visit.connection, case.number, officer_of(visit).name)


def may(case: Case, act: Act, officer: Officer) -> bool:
    """Whether an act is offered to an officer."""
    if not is_allowed(case, act) or act is Act.ERASED:
        return False
    if act in {Act.RELEASED, Act.HANDED_OVER} or act in HOLDERS_ONLY:
        return officer.name == case.holder or (officer.supervises and act not in HOLDERS_ONLY)
    if act is Act.TAKEN and case.is_escalated and not officer.supervises:
        return False
    return refusal_of(case, act, officer.name) is None


def _said(form: Mapping[str, str]) -> Said:
    days = form.get("days", "").strip()
    view = {"concern": True, "no_concern": False}.get(form.get("view", ""))
    return Said(
        words=form.get("words", ""),
        grounds=[ground for ground in Ground if f"{GROUND_FIELD}{ground}" in form],
        is_concerned=view,
        to=form.get("to", "").strip(),
        wait=dt.timedelta(days=int(days)) if _NUMBER.fullmatch(days) else None,
    )


def _warnings(row: np.ndarray[Any, np.dtype[np.float32]] | None) -> list[str]:
    if row is None or len(row) != FEATURE_COUNT:
        return []
    return [warning.message for warning in warnings_of(row[np.newaxis], np.zeros(1, np.intp))]
