"""Remote copies of anchors: a folder of another host, or an address that accepts them by POST.

An append-only place keeps evidence even if an attacker controls the server's machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID

import httpx
import msgspec

from serve.prediction_log.anchor import Anchor, Register, SentAnchor
from serve.prediction_log.anchors import REGISTER
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.segment import OWNER_ONLY

TIMEOUT_S: Final = 10.0
MAX_SENT: Final = 1000
"""Anchors in one request."""


class SentAnchors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a POST."""

    anchors: Sequence[SentAnchor]
    register: Register | None = None


class AnchorPlace(Protocol):
    """A place that anchors are sent to."""

    def send(self, anchors: Mapping[UUID, Anchor], register: Register) -> None:
        """Send anchors; returns once all of them are stored.

        Raises:
            SpoolError, OSError: the place does not accept them now.
        """


def place_of(url: str) -> AnchorPlace:
    """The place that ANCHOR_URL names."""
    parts = urlsplit(url)
    return FolderPlace(Path(unquote(parts.path))) if parts.scheme == "file" else HttpPlace(url)


class FolderPlace:
    """A folder with a file for each chain and a line for each anchor. Nothing is ever rewritten."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, anchors: Mapping[UUID, Anchor], register: Register) -> None:
        """As in `AnchorPlace`. The folder is not created: if it is missing, its file system is probably not mounted."""
        self._append(REGISTER, msgspec.json.encode(register))
        for anchor in _sent(anchors):
            self._append(anchor.chain, msgspec.json.encode(anchor))

    def _append(self, name: str, line: bytes) -> None:
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        try:
            if _ends_with(descriptor, line + b"\n"):
                return
            # Start a new line after one that was cut off by a kill or a full disk.
            is_whole = os.fstat(descriptor).st_size == 0 or _ends_with(descriptor, b"\n")
            os.write(descriptor, (b"" if is_whole else b"\n") + line + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class HttpPlace:
    """An address that accepts anchors by POST, as JSON; any answer other than 2xx is a failure."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._timeout_s = timeout_s

    def send(self, anchors: Mapping[UUID, Anchor], register: Register) -> None:
        """As in `AnchorPlace`."""
        sent = _sent(anchors)
        while some := list(islice(sent, MAX_SENT)):
            self._post(msgspec.json.encode(SentAnchors(some, register)))

    def _post(self, body: bytes) -> None:
        try:
            answer = httpx.post(
                self._url, content=body, headers={"Content-Type": "application/json"}, timeout=self._timeout_s
            )
        except httpx.HTTPError as error:
            # The message may contain the address, and the address a password.
            raise SpoolError(f"ANCHOR_URL can't be reached ({type(error).__name__})") from None
        if not answer.is_success:
            raise SpoolError(f"ANCHOR_URL answered {answer.status_code}")


def _sent(anchors: Mapping[UUID, Anchor]) -> Iterator[SentAnchor]:
    for chain_id, anchor in anchors.items():
        yield SentAnchor(chain=chain_id.hex, **msgspec.structs.asdict(anchor))


def _ends_with(descriptor: int, line: bytes) -> bool:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, len(line), max(0, size - len(line))) == line
