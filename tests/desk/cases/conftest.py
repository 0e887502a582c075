"""Officers at browsers of their own, who need no password."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from desk.cookie import SESSION
from fraud.database import connect
from serve.people.account import Account, PersonRole
from serve.people.accounts_table import add_account
from serve.people.sessions import begin_session
from tests.desk.browser import Browser

Officers = Callable[..., Browser]


@pytest.fixture
def officer(browser: Callable[..., Browser], database: str) -> Officers:
    """Makes somebody who works cases, and is logged in."""

    def add(name: str, role: PersonRole = PersonRole.REVIEW) -> Browser:
        with connect(database) as connection:
            add_account(connection, Account(name, frozenset({role}), "$argon2id$none"))
            secret = begin_session(connection, name)
        here = browser()
        here.client.cookies.set(SESSION.name, secret)
        return here

    return add
