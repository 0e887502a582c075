"""The key that signs anchors, so that changing both database and anchors is detected, unless the
attacker has the key.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import uuid
from typing import Final

import msgspec

from fraud.settings import Settings
from serve.prediction_log.anchor import Anchor, Register

_ANCHOR: Final = struct.Struct(">16sQ32sQ32s")


class AnchorKey:
    """Signs with HMAC-SHA256 over the whole content of an anchor, the register of anchors, a
    checkpoint or a dossier.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def signed(self, chain_id: uuid.UUID, anchor: Anchor) -> Anchor:
        """A chain's anchor with its signature."""
        return msgspec.structs.replace(anchor, signature=self._sign(_anchor_text(chain_id, anchor)))

    def has_signed(self, chain_id: uuid.UUID, anchor: Anchor) -> bool:
        """Whether a chain's anchor has a valid signature under this key."""
        return hmac.compare_digest(anchor.signature, self._sign(_anchor_text(chain_id, anchor)))

    def signed_register(self, register: Register) -> Register:
        """The register with its signature."""
        return msgspec.structs.replace(register, signature=self._sign(_register_text(register)))

    def has_signed_register(self, register: Register) -> bool:
        """Whether the register has a valid signature under this key."""
        return hmac.compare_digest(register.signature, self._sign(_register_text(register)))

    def checkpoint_signature(self, content: bytes) -> bytes:
        """The signature of a checkpoint of `verify`."""
        return self._sign(b"verify.checkpoint" + content)

    def has_signed_checkpoint(self, content: bytes, signature: bytes) -> bool:
        """Whether a checkpoint has a valid signature under this key."""
        return hmac.compare_digest(signature, self.checkpoint_signature(content))

    def dossier_signature(self, content: bytes) -> bytes:
        """The signature of a dossier's content."""
        return self._sign(b"dossier" + content)

    def has_signed_dossier(self, content: bytes, signature: bytes) -> bool:
        """Whether a dossier has a valid signature under this key."""
        return hmac.compare_digest(signature, self.dossier_signature(content))

    def _sign(self, text: bytes) -> bytes:
        return hmac.digest(self._secret, text, hashlib.sha256)


def _anchor_text(chain_id: uuid.UUID, anchor: Anchor) -> bytes:
    ends = anchor.sequence, anchor.hash, anchor.expired_sequence, anchor.expired_hash
    return b"anchor" + _ANCHOR.pack(chain_id.bytes, *ends)


def _register_text(register: Register) -> bytes:
    return b"register" + msgspec.json.encode(msgspec.structs.replace(register, signature=b""))


def anchor_key(settings: Settings) -> AnchorKey | None:
    """The key from the settings; None if nothing is signed.

    Raises:
        SettingsError: it can't be read.
    """
    secret = settings.anchor_secret()
    return None if secret is None else AnchorKey(secret)
