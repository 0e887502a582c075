"""A server that knows several clients, beside the shared stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from fraud.api_keys import ApiKey, Role, bearer, new_key
from tests.live_stack import LiveStack, server_beside

CLIENTS = {
    "agency": {Role.SCORE},
    "bank": {Role.SCORE},
    "auditor": {Role.READ},
    "pipeline": {Role.OPERATE},
}


@pytest.fixture(scope="package")
def keys() -> Mapping[str, str]:
    """Each client's key."""
    return {client: new_key() for client in CLIENTS}


@pytest.fixture(scope="package")
def logins(keys: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """Each client's header."""
    return {client: bearer(key) for client, key in keys.items()}


@pytest.fixture(scope="package")
def url(stack: LiveStack, keys: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the server; one worker, so that failed logins are counted in one place."""
    entries = ",".join(str(ApiKey.of(keys[client], client, roles)) for client, roles in CLIENTS.items())
    folder = tmp_path_factory.mktemp("guarded")
    with server_beside(stack, folder, API_KEYS=entries, SERVE_WORKERS="1") as url:
        yield url
