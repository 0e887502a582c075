"""Checkpoint of an interrupted verification, stored beside the anchors: `<spool>/verify.checkpoint`.

It is as trustworthy as the anchors. With AUDIT_KEY it is signed, since anybody who can write to that folder could forge
one that skips records; without a key, a digest detects a truncated or accidentally changed file. Only a verification
with `--resume` reads it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from fraud.report.files import write_files
from serve.audit.errors import AuditError
from serve.audit.findings import Fault, Finding
from serve.audit.stored_rows import Place
from serve.prediction_log.anchor import Anchor, Hash
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.segment import make_folder

NAME: Final = "verify.checkpoint"
_ANEW: Final = "verify from the beginning, without --resume"


class CheckpointError(AuditError):
    """There is no checkpoint, or it was changed, or it belongs to another log."""


class OpenChain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The chain at which a verification stopped, after the record with this hash."""

    hash: Hash
    records: int
    before: Anchor
    began_without_id_at: int | None
    """Kept because the chain's first record, which shows its kind, is not read again."""


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The progress and findings of a verification, and the state needed to resume it."""

    began_at: dt.datetime
    place: Place
    """The last verified record."""
    open_chain: OpenChain
    chains: int
    """Completely verified chains."""
    records: int
    """In these."""
    findings: tuple[Finding, ...]
    counts: Mapping[Fault, int]
    ledger_number: int
    ledger_hash: Hash
    collected_from: tuple[str, ...]
    """Places of collected anchors that the verified records were compared with."""

    @property
    def chain_id(self) -> uuid.UUID:
        """Its chain."""
        return self.place.chain_id


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    checkpoint: msgspec.Raw
    sha256: str
    signature: bytes = b""
    """Signature under AUDIT_KEY; empty without a key."""


def write_checkpoint(spool: Path, checkpoint: Checkpoint, key: AnchorKey | None = None) -> None:
    """Replace the checkpoint; with a `key` it is signed.

    Raises:
        OSError: the folder can't be written to.
    """
    make_folder(spool)
    content = msgspec.json.encode(checkpoint)
    signature = b"" if key is None else key.checkpoint_signature(content)
    file = _File(msgspec.Raw(content), _digest(content), signature)
    write_files(spool, {NAME: msgspec.json.encode(file)})


def read_checkpoint(spool: Path, key: AnchorKey | None = None) -> Checkpoint:
    """Read the checkpoint.

    Raises:
        CheckpointError: there is none, or it was changed, or it is not signed with `key`.
    """
    path = spool / NAME
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
        content = bytes(file.checkpoint)
        if file.sha256 != _digest(content):
            raise CheckpointError(f"{path} was changed since it was written: {_ANEW}")
        if key is not None and not key.has_signed_checkpoint(content, file.signature):
            raise CheckpointError(f"{path} is not signed with AUDIT_KEY: {_ANEW}")
        return msgspec.json.decode(content, type=Checkpoint)
    except FileNotFoundError:
        raise CheckpointError(f"no verification was interrupted: {path} does not exist") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        raise CheckpointError(f"{path} can't be read ({error}): {_ANEW}") from error


def remove_checkpoint(spool: Path) -> None:
    """Remove the checkpoint."""
    (spool / NAME).unlink(missing_ok=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(b"verify.checkpoint" + content).hexdigest()
