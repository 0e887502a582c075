"""The file of a dossier: its content, and a seal over the exact characters of the content.

    {"dossier": {...}, "seal": {"sha256": ..., "signature": ...}}

White space between the parts is ignored, so that a file may be reformatted.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import msgspec

from serve.audit.dossier.document import Dossier
from serve.audit.dossier.proof import Digest
from serve.audit.errors import AuditError
from serve.prediction_log.anchor_key import AnchorKey

JSON_FILE: Final = "dossier.json"


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The seal, which reveals changes of the dossier."""

    sha256: Digest
    signature: bytes | None
    """HMAC-SHA256 under AUDIT_KEY; None if the service has no key."""


class SealedDossier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dossier, with the characters that its seal covers."""

    dossier: Dossier
    seal: Seal
    content: bytes

    @property
    def is_unchanged(self) -> bool:
        """Whether it is unchanged since it was sealed."""
        return self.seal.sha256 == hashlib.sha256(self.content).hexdigest()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dossier: msgspec.Raw
    seal: Seal


def seal(dossier: Dossier, key: AnchorKey | None) -> bytes:
    """The file of a dossier; signed if there is a key."""
    content = msgspec.json.encode(dossier)
    signature = None if key is None else key.dossier_signature(content)
    file = _File(msgspec.Raw(content), Seal(hashlib.sha256(content).hexdigest(), signature))
    return msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"


def open_sealed(data: bytes) -> SealedDossier:
    """Parse a dossier's file; the caller checks the seal.

    Raises:
        AuditError: it is not a dossier.
    """
    try:
        json.loads(data, object_pairs_hook=_named_once)
        file = msgspec.json.decode(msgspec.json.format(data, indent=-1), type=_File)
        content = bytes(file.dossier)
        return SealedDossier(msgspec.json.decode(content, type=Dossier), file.seal, content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise AuditError(f"this is not a dossier, or it was changed: {error}") from None


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without duplicate names, which different parsers would read differently."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a name twice")
    return found
