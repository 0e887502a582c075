"""Every page and every form, for every role, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from desk.visits import TOKEN
from serve.people.sessions import form_token
from tests.desk.pages.page_table import EVERYBODY, FORMS, PAGES, Kind, Listed, Visitor
from tests.desk.pages.site import COOKIE, Site
from tests.serve.desk_proxy.test_desk_proxy import TIMEOUT_S

VISITORS = sorted(EVERYBODY, key=str)
ADDRESSES = {page.path or page.route: page for page in PAGES}
"""Of each address one line; others say what other visitors find there."""


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=TIMEOUT_S) as client:
        yield client


def called(visitor: Visitor) -> str:
    return visitor or "anonymous"


def headers_of(site: Site, visitor: Visitor) -> dict[str, str]:
    session = {} if visitor is None else {"Cookie": f"{COOKIE}={site.secrets[visitor]}"}
    return {"Sec-Fetch-Site": "same-origin", **session}


def face_for(address: str, visitor: Visitor) -> Listed | None:
    return next((page for page in PAGES if (page.path or page.route) == address and visitor in page.seen_by), None)


def assert_refused(answer: httpx.Response, visitor: Visitor) -> None:
    if visitor is None:
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=")
    else:
        assert answer.status_code == 403, answer.text
        assert "none of the roles for this page" in answer.text


@pytest.mark.parametrize("visitor", VISITORS, ids=called)
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_is_for_the_roles_of_the_table(site: Site, client: httpx.Client, address: str, visitor: Visitor) -> None:
    answer = client.get(site.address(ADDRESSES[address]), headers=headers_of(site, visitor))
    face = face_for(address, visitor)
    if face is None:
        assert_refused(answer, visitor)
    elif face.kind is Kind.LEAD:
        assert (answer.status_code, answer.headers["location"]) == (303, face.shows)
    else:
        assert answer.status_code == 200, answer.text
        assert face.kind is Kind.FOREIGN or face.shows in answer.text


@pytest.mark.parametrize("visitor", VISITORS, ids=called)
@pytest.mark.parametrize("route", FORMS)
def test_a_form_is_for_the_roles_of_the_table(site: Site, client: httpx.Client, route: str, visitor: Visitor) -> None:
    """Whoever may send it learns that another site has sent it; nobody else gets as far as that."""
    headers = {**headers_of(site, visitor), "Origin": "http://elsewhere.example"}
    answer = client.post(site.form_address(route), data={"filled": "in"}, headers=headers)
    if visitor in FORMS[route]:
        assert answer.status_code == 403
        assert "a page of another site sent this request" in answer.text
    else:
        assert_refused(answer, visitor)


@pytest.mark.parametrize("route", FORMS)
def test_a_form_without_the_token_of_its_session_does_nothing(site: Site, client: httpx.Client, route: str) -> None:
    for visitor in FORMS[route]:
        if visitor is None:
            continue
        of_another_session = form_token(site.log_in(visitor))
        for sent in ({}, {TOKEN: ""}, {TOKEN: of_another_session}):
            answer = client.post(
                site.form_address(route), data={"filled": "in", **sent}, headers=headers_of(site, visitor)
            )
            assert answer.status_code == 403, answer.text
            assert "this form is not from your current login" in answer.text
