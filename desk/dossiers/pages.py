"""`/dossiers`: a form for one application's dossier, which comes as a ZIP; for the roles `audit` and `supervise`.

An id is sent in a form and not in an address: addresses stand in histories and logs.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Protocol

from starlette.responses import Response

from desk.dossiers.maker import MadeDossier
from desk.rendering import render
from desk.visits import Page, Visit
from serve.audit.dossier.document import Audience
from serve.audit.dossier.page import LANGUAGES_OFFERED
from serve.audit.errors import AuditError
from serve.journal.table import PERSON_EVENTS
from serve.people.account import PersonRole

DOSSIERS: Final = "/dossiers"
SHOWN_TO: Final = frozenset({PersonRole.AUDIT, PersonRole.SUPERVISE})
MADE: Final = "dossier_made"
"""In the journal."""
SOUGHT: Final = "dossier_sought"
"""In the journal, where nothing was found: whoever tries ids to learn who applied leaves a trace."""
AUDIENCES: Final = {
    Audience.CITIZEN: "the couple: plain words, nothing of others, no names",
    Audience.COURT: "a court or supervising authority: everything, with the chain of hashes",
}
_CALLED: Final = {"en": "English", "nl": "Nederlands"}


class Maker(Protocol):
    """What makes dossiers."""

    @property
    def is_possible(self) -> bool:
        """Whether it can."""

    def make(self, application: str, audience: Audience, language: str) -> MadeDossier | None:
        """One; None where nothing is on record."""


class DossierPages:
    """The page and its form."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker

    def pages(self) -> list[Page]:
        """Their addresses."""
        return [Page(DOSSIERS, self._ask, self._make, SHOWN_TO)]

    def _ask(self, visit: Visit, told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
        return render(
            "dossiers.html",
            visit,
            status,
            told=told,
            form=visit.form,
            is_possible=self._maker.is_possible,
            audiences=AUDIENCES,
            languages={language: _CALLED.get(language, language) for language in LANGUAGES_OFFERED},
        )

    def _make(self, visit: Visit) -> Response:
        application = visit.form.get("application", "").strip()
        audience, language = visit.form.get("for", ""), visit.form.get("language", "")
        if not application:
            return self._ask(visit, "Name the application, as it was sent.", HTTPStatus.BAD_REQUEST)
        if audience not in AUDIENCES or language not in LANGUAGES_OFFERED:
            return self._ask(visit, "Choose for whom it is, and a language.", HTTPStatus.BAD_REQUEST)
        if not self._maker.is_possible:
            return self._ask(visit, "This server can't make dossiers.", HTTPStatus.CONFLICT)
        try:
            made = self._maker.make(application, Audience(audience), language)
        except AuditError as error:
            return self._ask(visit, f"No dossier can be made: {error}.", HTTPStatus.CONFLICT)
        assert visit.person is not None  # noqa: S101 - the page takes a role
        if made is None:
            PERSON_EVENTS.append(visit.connection, visit.person.name, SOUGHT, {"address": visit.address})
            told = "Nothing is on record under that id: no answer had it, or it was erased."
            return self._ask(visit, told, HTTPStatus.NOT_FOUND)
        PERSON_EVENTS.append(visit.connection, visit.person.name, MADE, {**made.facts, "address": visit.address})
        return Response(
            made.archive,
            media_type="application/zip",
            headers={"Content-Disposition": 'attachment; filename="dossier.zip"'},
        )
