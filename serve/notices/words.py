"""Texts of notices: what changed, what to do, and where to look."""

from __future__ import annotations

from typing import Final

import msgspec

from fraud.notices import ALERT, OVER
from fraud.report.kinds import CALLED, TO_DO
from fraud.report.stored import ReportKind
from fraud.verdict import Verdict
from serve.notices.table import Notice

SPOOL: Final = "spool"
REFUSALS: Final = "refusals"
"""Subjects of alerts."""
LASTING: Final = (ReportKind.DRIFT.value, ReportKind.VERIFY.value, ReportKind.BACKUP.value)
"""Checks whose verdict lasts until the next one. Other verdicts are single events, such as a rejected candidate."""
EVENTS: Final = tuple(kind.value for kind in ReportKind if kind.value not in LASTING)

SUBJECTS: Final[dict[str, str]] = {
    **{kind.value: called for kind, called in CALLED.items()},
    SPOOL: "Records waiting for the database",
    REFUSALS: "Refused requests",
}

_OVER: Final = "Nothing to do: it is over."
_TO_DO: Final[dict[tuple[str, str], str]] = {
    **TO_DO,
    (ReportKind.DRIFT, Verdict.INCONCLUSIVE): (
        "Too few applications for a verdict. Check whether clients still reach the server; if they do, wait for the "
        "next check."
    ),
    (ReportKind.GATE, Verdict.PASS): "The candidate was promoted. `python -m bench rollback` takes it back.",
    (ReportKind.GATE, Verdict.FAIL): (
        "The candidate was rejected and production stays as it is. The report says why; no action is needed."
    ),
    (ReportKind.VERIFY, Verdict.INCONCLUSIVE): (
        "A chain's end has no witness where the verification ran. Run it on the server's machine, or with the anchors "
        "that the servers have sent elsewhere: `python -m serve.audit verify --anchors FOLDER`."
    ),
    (SPOOL, ALERT): (
        "More than half of SPOOL_MAX_BYTES is full; at the limit requests are refused (503). Check whether PostgreSQL "
        "answers and has space, and read the shipper's log."
    ),
    (REFUSALS, ALERT): (
        "More than one in twenty requests is refused (503). The server's log and /metrics say why: overload, a full "
        "spool, or no model."
    ),
}
_ANY_STATE: Final = {
    str(Verdict.ERROR): "The check could not run. The report says why; fix the cause and run it again.",
    str(Verdict.PASS): _OVER,
    OVER: _OVER,
}


class Message(msgspec.Struct, frozen=True):
    """A notice as sent; a receiver recognizes a duplicate by its `id`."""

    id: str
    at: str
    about: str
    place: str
    state: str
    before: str
    repeats: bool
    headline: str
    what_to_do: str
    link: str


def message_of(notice: Notice, base_url: str) -> Message:
    """The message of a notice; `base_url` is the address of the pages."""
    page = "/" if notice.report is None else f"/reports/{notice.report}"
    return Message(
        id=f"notice-{notice.number}-{notice.written_at:%Y%m%d%H%M%S%f}",
        at=notice.written_at.isoformat(timespec="seconds"),
        about=notice.about,
        place=notice.place,
        state=notice.state,
        before=notice.before,
        repeats=notice.repeats,
        headline=headline(notice),
        what_to_do=what_to_do(notice),
        link=base_url.rstrip("/") + page,
    )


def headline(notice: Notice) -> str:
    """One line."""
    subject = SUBJECTS.get(notice.about, f"Check `{notice.about}`") + (f" of {notice.place}" if notice.place else "")
    state = notice.state.replace("_", " ")
    if notice.repeats:
        return f"{subject}: still {state}"
    before = f" (before: {notice.before.replace('_', ' ')})" if notice.before else ""
    return f"{subject}: {state}{before}"


def what_to_do(notice: Notice) -> str:
    """Advice, in one line."""
    fallback = _ANY_STATE.get(notice.state, "The report has the findings.")
    return _TO_DO.get((notice.about, notice.state), fallback)
