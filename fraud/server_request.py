"""One request to one of the scoring servers, at its own address and under the name that all of them share."""

from __future__ import annotations

import functools
import ssl
from typing import Any

import httpx

from fraud.server_addresses import ServerAddress


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Trusted authorities: the system's, or those of SSL_CERT_FILE."""
    return ssl.create_default_context()


def ask_server(server: ServerAddress, method: str, path: str, timeout: httpx.Timeout, **request: Any) -> httpx.Response:
    """The answer to one request, on a connection of its own: another one may reach another worker.

    The connection goes to the address; `Host` has the name, and the certificate has to be valid for the name.

    Raises:
        httpx.HTTPError: it does not answer.
    """
    headers = {"Host": server.netloc, "Connection": "close", **request.pop("headers", {})}
    with httpx.Client(verify=_authorities(), trust_env=False, timeout=timeout) as client:
        return client.request(
            method,
            server.connect_url + path,
            headers=headers,
            extensions={"sni_hostname": server.host},
            **request,
        )
