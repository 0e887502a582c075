"""Somebody at a browser: follows links and sends forms as a browser does, with the hidden fields of the page."""

from __future__ import annotations

import re
from typing import Any, Final

import httpx
from starlette.testclient import TestClient
from starlette.types import ASGIApp

OWN_PASSWORD: Final = "a few words of one's own"
_HIDDEN: Final = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


def _plain(answer: Any) -> httpx.Response:
    """Starlette's client takes one of two libraries, so it gives mypy no type; both have the same answers."""
    found: httpx.Response = answer
    return found


class Browser:
    """One browser; it does not follow redirects, so that tests see them."""

    def __init__(self, app: ASGIApp, *, encrypted: bool = False, address: str = "192.0.2.1") -> None:
        scheme = "https" if encrypted else "http"
        headers = {"X-Forwarded-For": address, "X-Forwarded-Proto": scheme, "Sec-Fetch-Site": "same-origin"}
        self.client = TestClient(app, f"{scheme}://service.test", headers=headers, follow_redirects=False)

    def get(self, path: str) -> httpx.Response:
        return _plain(self.client.get(path))

    def send(self, path: str, **fields: str) -> httpx.Response:
        """Load the page of a form, fill it in, send it."""
        hidden = dict(_HIDDEN.findall(self.get(path).text))
        return _plain(self.client.post(path, data={**hidden, **fields}))

    def upload(self, path: str, field: str, name: str, content: bytes) -> httpx.Response:
        """Load the page of a form, choose a file, send it."""
        hidden = dict(_HIDDEN.findall(self.get(path).text))
        sent = self.client.post(path, data=hidden, files={field: (name, content, "application/octet-stream")})
        return _plain(sent)

    def log_in(self, name: str, password: str) -> httpx.Response:
        return self.send("/login", name=name, password=password)

    def log_in_first(self, name: str, password: str) -> None:
        """Log in with the password of somebody else, and choose one's own."""
        assert self.log_in(name, password).headers["location"] == "/password"
        changed = self.send("/password", current=password, new=OWN_PASSWORD, again=OWN_PASSWORD)
        assert changed.headers["location"] == "/", changed.text

    def log_out(self) -> httpx.Response:
        """By the button that every page has."""
        return _plain(self.client.post("/logout", data=dict(_HIDDEN.findall(self.get("/").text))))
