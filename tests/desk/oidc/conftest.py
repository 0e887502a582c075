"""A desk with logins at a provider that answers as a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from psycopg2.extensions import make_dsn

from desk.app import create_app
from desk.cockpit.page import Cockpit
from desk.login import Logins
from desk.oidc.provider import Provider
from desk.people import people_page
from tests.desk.browser import Browser
from tests.desk.conftest import COUNTERS, VERSIONS
from tests.desk.oidc.logins import provider_at
from tests.desk.oidc.tiny_provider import TinyProvider, tiny_provider

Browsers = Callable[..., Browser]


def desk_with(dsn: str, provider: Provider) -> Browsers:
    """Makes browsers of one desk, with the rights of its role."""
    cockpit = Cockpit("divorce-model", lambda: VERSIONS, lambda: COUNTERS)
    role = make_dsn(dsn, options="-c role=scoring_desk")
    app = create_app(role, [cockpit.page(), *Logins(provider=provider).pages(), people_page()])
    return lambda **about: Browser(app, **about)


@pytest.fixture
def tiny() -> Iterator[TinyProvider]:
    with tiny_provider() as provider:
        yield provider


@pytest.fixture
def browser(database: str, tiny: TinyProvider) -> Browsers:
    return desk_with(database, provider_at(tiny.issuer))
