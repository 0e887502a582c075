"""A dossier by a page: for who may have one, of what the server answered, and noted in the journal."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator

import httpx
import pytest

from desk.visits import TOKEN
from fraud.features import EXAMPLE_INSTANCE
from fraud.verdict import Verdict
from serve.audit.dossier.checking import Means, check
from serve.audit.dossier.sealing import open_sealed
from serve.people.account import PersonRole
from serve.people.sessions import form_token
from tests.desk.pages.site import Site, name_of
from tests.desk.pages.test_roles import headers_of
from tests.live_stack import LOGIN, wait_until
from tests.serve.desk_proxy.test_desk_proxy import TIMEOUT_S
from tests.serve.prediction_log_rows import fetch

MAKERS = (PersonRole.AUDIT, PersonRole.SUPERVISE)
SOUGHT = "SELECT person, facts FROM person_events WHERE kind = 'dossier_sought' ORDER BY number"
EVENTS = "SELECT person, facts FROM person_events WHERE kind = 'dossier_made' ORDER BY number"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture(scope="module")
def application(site: Site, client: httpx.Client) -> str:
    name = f"couple-{uuid.uuid4().hex}"
    answer = client.post(f"{site.url}/predict", json={**EXAMPLE_INSTANCE, "application_id": name}, headers=LOGIN)
    assert answer.status_code == 200, answer.text
    logged = "SELECT FROM prediction_requests WHERE application_ids @> ARRAY[%s]::text[]"
    wait_until(lambda: bool(fetch(site.dsn, logged, name)), 30, "the record arrives")
    return name


def ask(site: Site, client: httpx.Client, role: PersonRole, **form: str) -> httpx.Response:
    token = {TOKEN: form_token(site.secrets[role])}
    return client.post(f"{site.url}/dossiers", data={**token, **form}, headers=headers_of(site, role))


@pytest.mark.parametrize("role", MAKERS)
@pytest.mark.parametrize(("audience", "language"), [("citizen", "nl"), ("court", "en")])
def test_a_dossier_is_made_and_noted(
    site: Site, client: httpx.Client, application: str, role: PersonRole, audience: str, language: str
) -> None:
    before = len(fetch(site.dsn, EVENTS))
    answer = ask(site, client, role, application=application, language=language, **{"for": audience})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip"), answer.text
    assert answer.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        sealed, page = open_sealed(archive.read("dossier.json")), archive.read("dossier.html").decode()
    assert check(sealed, Means()).verdict in {Verdict.PASS, Verdict.INCONCLUSIVE}
    assert (sealed.dossier.application, sealed.dossier.audience, sealed.dossier.language) == (
        application,
        audience,
        language,
    )
    assert sealed.seal.sha256 in page
    events = fetch(site.dsn, EVENTS)
    assert len(events) == before + 1
    person, facts = events[-1]
    proof = sealed.dossier.answers[0].proof
    assert person == name_of(role)
    assert application not in facts
    noted = json.loads(facts)
    assert noted["for"] == audience
    assert noted["answers"] == [{"chain_id": proof.chain_id, "sequence": proof.sequence, "row": 0}]


@pytest.mark.parametrize(
    ("form", "status", "told"),
    [
        ({"application": " ", "for": "citizen", "language": "en"}, 400, "Name the application"),
        ({"application": "a\0b", "for": "citizen", "language": "en"}, 404, "Nothing is on record"),
        ({"application": "a", "for": "everybody", "language": "en"}, 400, "Choose for whom"),
        ({"application": "a", "for": "citizen", "language": "tlh"}, 400, "Choose for whom"),
        ({"application": "nobody's", "for": "citizen", "language": "en"}, 404, "Nothing is on record"),
    ],
)
def test_a_failed_dossier_is_explained_and_recorded_where_it_was_sought(
    site: Site, client: httpx.Client, form: dict[str, str], status: int, told: str
) -> None:
    before, sought = len(fetch(site.dsn, EVENTS)), fetch(site.dsn, SOUGHT)
    answer = ask(site, client, PersonRole.AUDIT, **form)
    assert answer.status_code == status, answer.text
    assert told in answer.text
    assert len(fetch(site.dsn, EVENTS)) == before
    noted = fetch(site.dsn, SOUGHT)[len(sought) :]
    assert [person for person, _ in noted] == ([name_of(PersonRole.AUDIT)] if status == 404 else [])
    assert all(json.loads(facts).keys() == {"address"} for _, facts in noted)
