"""Every page in one table: who sees it, what it shows, what can be done there. All tests of pages go by it.

A page that several visitors see differently has a line for each of its faces. Whoever is in none of them is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from serve.people.account import PersonRole

ANONYMOUS: Final = None
Visitor = PersonRole | None
"""Somebody who has one role, or who is not logged in."""
PEOPLE: Final = frozenset(PersonRole)
EVERYBODY: Final = frozenset({ANONYMOUS, *PEOPLE})
READERS: Final = frozenset({PersonRole.OPERATE, PersonRole.AUDIT, PersonRole.SUPERVISE, PersonRole.ADMIN})
OFFICERS: Final = frozenset({PersonRole.REVIEW, PersonRole.SUPERVISE})
OPERATORS: Final = frozenset({PersonRole.OPERATE})
SUPERVISORS: Final = frozenset({PersonRole.SUPERVISE})
DOSSIER_MAKERS: Final = frozenset({PersonRole.AUDIT, PersonRole.SUPERVISE})
ADMINISTRATORS: Final = frozenset({PersonRole.ADMIN})
LOG_OUT: Final = "Log out"
"""On each page of ours, for who is logged in."""


class Kind(Enum):
    """What is at an address."""

    PAGE = "a page of the desk"
    REPORT = "a report, which has all inside and may do nothing"
    FOREIGN = "a page that a library draws: it is asked for less"
    FILE = "a file to keep"
    LEAD = "leads elsewhere"


@dataclass(frozen=True, slots=True)
class Listed:
    """One line."""

    route: str
    """As the application declares it."""
    shows: str
    """Words that these visitors find there, or where they are led."""
    seen_by: frozenset[Visitor]
    buttons: tuple[str, ...] = ()
    """All that are there, as people read them."""
    path: str = ""
    """Where one of them is: names in braces are the site's; without, the route is the path."""
    kind: Kind = Kind.PAGE

    @property
    def visitor(self) -> Visitor:
        """One of those who see it."""
        return ANONYMOUS if ANONYMOUS in self.seen_by else min(role for role in self.seen_by if role is not None)

    @property
    def name(self) -> str:
        """For ids of tests and files of pictures."""
        address = (self.path or self.route).strip("/").translate(str.maketrans("/{}:", "-   ")).replace(" ", "")
        return f"{address or 'first'}-{self.visitor or 'anonymous'}"


PAGES: Final = (
    Listed("/", "scores applications for marriage loans", frozenset({ANONYMOUS})),
    Listed("/", "/desk", frozenset({PersonRole.REVIEW}), kind=Kind.LEAD),
    Listed("/", "State of the service", READERS),
    Listed("/login", "No account, or a lost password?", EVERYBODY, ("Log in",)),
    Listed("/logout", "/", EVERYBODY, kind=Kind.LEAD),
    Listed("/password", "Change your password", PEOPLE, ("Change",)),
    Listed("/reports", "The newest first", READERS),
    Listed("/reports/{number:int}", "DRIFT", READERS, path="/reports/{drift}", kind=Kind.REPORT),
    Listed("/reports/{number:int}", "AUC-PR", READERS, path="/reports/{gate}", kind=Kind.REPORT),
    Listed("/reports/{number:int}", "findings", READERS, path="/reports/{verify}", kind=Kind.REPORT),
    Listed("/reports/{number:int}.json", "verdict", READERS, path="/reports/{drift}.json", kind=Kind.FILE),
    Listed("/desk", "with you", OFFICERS, ("Take the next case",)),
    Listed(
        "/desk/cases/{number:int}",
        "Your first view",
        OFFICERS,
        ("I see no concern", "I see a concern", "Add the note"),
        path="/desk/cases/{new_case}",
    ),
    Listed(
        "/desk/cases/{number:int}",
        "What the couple declared",
        OFFICERS,
        ("No concern", "Ask for papers", "Visit", "Refer", "Add the note"),
        path="/desk/cases/{viewed_case}",
    ),
    Listed(
        "/desk/cases/{number:int}",
        "Second officer",
        OFFICERS,
        ("Sign the referral", "Send it back", "Add the note"),
        path="/desk/cases/{referred_case}",
    ),
    Listed(
        "/desk/cases/{number:int}/what-if",
        "This is no application",
        OFFICERS,
        ("Score these values",),
        path="/desk/cases/{referred_case}/what-if",
    ),
    Listed("/desk/supervision", "Officer", frozenset({PersonRole.SUPERVISE})),
    Listed("/history", "Versions in production", READERS),
    Listed("/dossiers", "documents and proves the request", DOSSIER_MAKERS, ("Make the dossier",)),
    Listed("/operate", "Requests, the newest first", OPERATORS),
    Listed("/operate/{act}", "Retrain the model now?", OPERATORS, ("Retrain",), path="/operate/retrain"),
    Listed("/operate/requests/{number:int}", "Output", OPERATORS, path="/operate/requests/{request}"),
    Listed(
        "/operate/requests/{number:int}/events",
        "event: ended",
        OPERATORS,
        path="/operate/requests/{request}/events",
        kind=Kind.FILE,
    ),
    Listed("/outcomes", "Delay of labels", SUPERVISORS, ("Record the outcomes",)),
    Listed("/notices", "Notices are only listed here", OPERATORS | ADMINISTRATORS),
    Listed("/keys", "Programs call the service", ADMINISTRATORS, ("Make the key",)),
    Listed("/keys/{number:int}/rotate", "Rotate key", ADMINISTRATORS, ("Make the new key",), path="/keys/{key}/rotate"),
    Listed("/keys/{number:int}/revoke", "Revoke key", ADMINISTRATORS, ("Revoke key 1",), path="/keys/{key}/revoke"),
    Listed("/people", "Accounts, by name", ADMINISTRATORS, ("Add",)),
    Listed("/docs", "batch_predict", EVERYBODY, kind=Kind.FOREIGN),
)

FORMS: Final = {
    "/login": EVERYBODY,
    "/logout": EVERYBODY,
    "/password": PEOPLE,
    "/dossiers": DOSSIER_MAKERS,
    "/desk": OFFICERS,
    "/desk/cases/{number:int}": OFFICERS,
    "/desk/cases/{number:int}/what-if": OFFICERS,
    "/operate/{act}": OPERATORS,
    "/outcomes": SUPERVISORS,
    "/keys": ADMINISTRATORS,
    "/keys/{number:int}/rotate": ADMINISTRATORS,
    "/keys/{number:int}/revoke": ADMINISTRATORS,
    "/people": ADMINISTRATORS,
}
"""Routes that take a form, and from whom."""

OF_THE_SERVER: Final = frozenset({"/docs"})
"""Pages that the server has itself."""
DRAWN: Final = tuple(page for page in PAGES if page.kind in {Kind.PAGE, Kind.REPORT})
"""What a browser draws, and we have written."""
