"""Notices by POST, signed by the Standard Webhooks specification (standardwebhooks.com), for which receivers find
libraries.

    webhook-signature: v1,base64(HMAC-SHA256(key, webhook-id "." webhook-timestamp "." body))

The identifier is the same at each try, and the timestamp is the try's. A receiver that refuses old timestamps and known
identifiers is safe from replays.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
import time
from typing import Final

import httpx
import msgspec

from fraud.foreign_errors import why_unanswered
from serve.notices.errors import NotSent
from serve.notices.table import WayName
from serve.notices.words import Message

TIMEOUT_S: Final = 10.0


class Webhook:
    """An address that accepts notices; any answer other than 2xx is a failure, and redirects are not followed."""

    name: Final = WayName.WEBHOOK

    def __init__(self, url: str, key: bytes, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._key = key
        self._timeout_s = timeout_s

    def send(self, message: Message) -> None:
        """Send a message; returns once it was accepted.

        Raises:
            NotSent: it was not accepted.
        """
        body = msgspec.json.encode(message)
        headers = {"Content-Type": "application/json"} | self._signature(message.id, body)
        try:
            with (
                httpx.Client(verify=ssl.create_default_context(), timeout=self._timeout_s) as client,
                client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                status, is_redirect = answer.status_code, answer.is_redirect
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotSent(f"NOTIFY_URL can't be reached: {self._reason(error)}") from None
        if is_redirect:
            raise NotSent(f"NOTIFY_URL answered {status}, and redirects are not followed: set the final address")
        if not 200 <= status < 300:
            raise NotSent(f"NOTIFY_URL answered {status}")

    def _signature(self, identifier: str, body: bytes) -> dict[str, str]:
        moment = str(int(time.time()))
        signed = b".".join((identifier.encode(), moment.encode(), body))
        digest = hmac.digest(self._key, signed, hashlib.sha256)
        return {
            "webhook-id": identifier,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }

    def _reason(self, error: Exception) -> str:
        """The error without the address, whose path and query may be secrets."""
        reason = why_unanswered(error)
        return type(error).__name__ if self._url in reason else reason
