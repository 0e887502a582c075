"""No page is without tests: the table has every address of the application, and nothing else."""

from __future__ import annotations

from serve.access.authorization import PAGES as LED_TO
from serve.access.authorization import is_open
from tests.desk.pages.page_table import FORMS, OF_THE_SERVER, PAGES
from tests.desk.pages.routes import ASSETS, declared_routes


def test_every_address_of_the_pages_is_in_the_table() -> None:
    declared = {route.path for route in declared_routes() if not route.path.startswith(ASSETS)}
    assert {page.route for page in PAGES} - OF_THE_SERVER == declared


def test_every_address_that_takes_a_form_is_in_the_table() -> None:
    assert set(FORMS) == {route.path for route in declared_routes() if "POST" in (route.methods or ())}


def test_the_server_leads_to_every_page_without_asking_for_a_key() -> None:
    assert [page.route for page in PAGES if not is_open(page.route)] == []
    first_parts = {path.strip("/").partition("/")[0] for path in LED_TO}
    assert [page.route for page in PAGES if page.route.strip("/").partition("/")[0] not in first_parts] == ["/docs"]


def test_every_page_has_one_face_for_a_visitor() -> None:
    seen = [(page.path or page.route, visitor) for page in PAGES for visitor in page.seen_by]
    assert len(seen) == len(set(seen))
