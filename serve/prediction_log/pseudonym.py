"""Pseudonyms of `applicant_ref`: only the holder of the key can make them, to find a person's records."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from serve.decoding.rows import APPLICANT_REF
from serve.errors import InvalidInstance

KEY_ID_BYTES: Final = 4
_KEY_ID_OF: Final = b"key id of applicant_ref"


class _Key:
    """HMAC-SHA-256 (RFC 2104) under one key that is not in the database."""

    def __init__(self, key: str) -> None:
        self._keyed = hmac.new(key.encode(), digestmod=hashlib.sha256)
        self.id = self.of(_KEY_ID_OF)[:KEY_ID_BYTES]
        """Identifies the key without revealing it."""

    def of(self, text: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text)
        return keyed.digest()


class Pseudonyms:
    """Makes pseudonyms: the id of the newest key, and the HMAC under it.

    Pseudonyms from before keys had ids are the HMAC alone.
    """

    def __init__(self, key: str | None, old_keys: Sequence[str] = ()) -> None:
        """Persons are also found under `old_keys`, which make no new pseudonyms."""
        self._keys = [_Key(known) for known in ([key, *old_keys] if key else [])]

    def of(self, reference: str) -> bytes:
        """The pseudonym of a person's reference, 36 bytes.

        Raises:
            InvalidInstance: this server has no key, so it can't record the reference.
        """
        if not self._keys:
            raise InvalidInstance(
                f"{APPLICANT_REF} can't be recorded here: leave it out, or ask the server's operator to set "
                f"APPLICANT_REF_KEY",
                field=APPLICANT_REF,
            )
        newest = self._keys[0]
        return newest.id + newest.of(reference.encode())

    def all_of(self, reference: str) -> list[bytes]:
        """All pseudonyms under which a person may be recorded, newest first."""
        found = [(key.id, key.of(reference.encode())) for key in self._keys]
        return [key_id + digest for key_id, digest in found] + [digest for _, digest in found]

    def key_ids(self) -> list[bytes]:
        """The ids of all known keys, newest first."""
        return [key.id for key in self._keys]

    def of_rows(self, references: Sequence[str | None] | None) -> list[bytes | None] | None:
        """The pseudonyms of the rows with a reference; None if no row has one.

        Raises:
            InvalidInstance: as `of`.
        """
        if references is None:
            return None
        return [None if reference is None else self.of(reference) for reference in references]
