"""What is kept of `applicant_ref`: a pseudonym that only the holder of the key can make, to find a person's records."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from serve.decoding.rows import APPLICANT_REF
from serve.errors import InvalidInstance


class Pseudonyms:
    """Makes pseudonyms: HMAC-SHA-256 (RFC 2104) under a key that is not in the database."""

    def __init__(self, key: str | None) -> None:
        self._keyed = hmac.new(key.encode(), digestmod=hashlib.sha256) if key else None

    def of(self, reference: str) -> bytes:
        """The pseudonym of a person's reference, 32 bytes.

        Raises:
            InvalidInstance: this server has no key, so that it can't keep what was sent.
        """
        if self._keyed is None:
            raise InvalidInstance(
                f"{APPLICANT_REF} can't be kept here: leave it out, or have the server's APPLICANT_REF_KEY set",
                field=APPLICANT_REF,
            )
        keyed = self._keyed.copy()
        keyed.update(reference.encode())
        return keyed.digest()

    def of_rows(self, references: Sequence[str | None] | None) -> list[bytes | None] | None:
        """The pseudonyms of the rows that name a reference; None when no row does.

        Raises:
            InvalidInstance: as `of`.
        """
        if references is None:
            return None
        return [None if reference is None else self.of(reference) for reference in references]
