"""A provider on a socket of its own that answers as a test says, also as no honest one would."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT_ID: Final = "scoring"
SUBJECT: Final = "248289761001"
KEY: Final = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}, auto_kid=False)
OTHER_KEY: Final = RSAKey.generate_key(2048, {"kid": "first"}, auto_kid=False)
"""Of somebody else, under the same name."""
Answer = tuple[int, dict[str, str], bytes]


def json_answer(value: object, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


class TinyProvider:
    """What it answers can be changed while it runs."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.keys = KeySet([KEY])
        self.described: dict[str, Any] = {}
        """What its description says otherwise."""
        self.claims: dict[str, Any] = {}
        """What its ID tokens say otherwise; None: nothing."""
        self.sign: Callable[[dict[str, Any]], str] = signed
        self.instead: dict[str, Answer] = {}
        """Answers by path."""
        self.forms: list[dict[str, str]] = []
        """What was sent to its token endpoint."""
        self.logins: list[str | None] = []
        """With which login."""
        self.nonce = ""

    def vouch(self, nonce: str, /, **claims: Any) -> None:
        """Make the next ID tokens for the login that sent this nonce."""
        self.nonce, self.claims = nonce, claims

    def answer(self, path: str, form: dict[str, str], login: str | None) -> Answer:
        if path == "/token":
            self.forms.append(form)
            self.logins.append(login)
        if path in self.instead:
            return self.instead[path]
        match path:
            case "/.well-known/openid-configuration":
                return json_answer(self._description())
            case "/keys":
                return json_answer(self.keys.as_dict())
            case "/token":
                token = self.sign(self._claims())
                return json_answer({"access_token": "x", "token_type": "Bearer", "id_token": token})
        return json_answer({}, 404)

    def _description(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **self.described,
        }

    def _claims(self) -> dict[str, Any]:
        now = int(time.time())
        good = {
            "iss": self.issuer,
            "sub": SUBJECT,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "preferred_username": "anna",
            "roles": ["operate"],
        }
        return {name: value for name, value in {**good, **self.claims}.items() if value is not None}


def signed(claims: dict[str, Any], key: RSAKey = KEY) -> str:
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)


@contextmanager
def tiny_provider() -> Iterator[TinyProvider]:
    """One that runs in a thread, on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body: bytes) -> None:
            form = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
            status, headers, content = provider.answer(self.path, form, self.headers.get("Authorization"))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = TinyProvider(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
