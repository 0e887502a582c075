"""Where a verification that was broken off stood, kept beside the anchors: `<spool>/verify.checkpoint`.

It is as good as the anchors are. With AUDIT_KEY it is signed, since who can write to that folder could make one up that
skips records; without, a digest tells of a file that was cut, or changed by accident. It is read only by a verification
that is asked to go on (`--resume`).
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
    """There is nothing to go on from, or it is not what was written, or of another log."""


class OpenChain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The chain in which a verification stands, behind the record with this hash."""

    hash: Hash
    records: int
    before: Anchor
    began_without_id_at: int | None
    """Its first record is not read again, and tells of which time the chain is."""


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is verified, what was found, and what it takes to go on."""

    began_at: dt.datetime
    place: Place
    """The last record that is verified."""
    open_chain: OpenChain
    chains: int
    """That are verified to their ends."""
    records: int
    """In these."""
    findings: tuple[Finding, ...]
    counts: Mapping[Fault, int]
    ledger_number: int
    ledger_hash: Hash
    collected_from: tuple[str, ...]
    """Places of anchors that what is verified was compared with."""

    @property
    def chain_id(self) -> uuid.UUID:
        """Its chain."""
        return self.place.chain_id


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    checkpoint: msgspec.Raw
    sha256: str
    signature: bytes = b""
    """Under AUDIT_KEY; nothing where there is none."""


def write_checkpoint(spool: Path, checkpoint: Checkpoint, key: AnchorKey | None = None) -> None:
    """Keep it in place of the one before; with a `key` it is signed.

    Raises:
        OSError: the folder can't be written to.
    """
    make_folder(spool)
    content = msgspec.json.encode(checkpoint)
    signature = b"" if key is None else key.checkpoint_signature(content)
    file = _File(msgspec.Raw(content), _digest(content), signature)
    write_files(spool, {NAME: msgspec.json.encode(file)})


def read_checkpoint(spool: Path, key: AnchorKey | None = None) -> Checkpoint:
    """The one that was kept.

    Raises:
        CheckpointError: there is none, or it is not what was written, or what the `key` has signed.
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
        raise CheckpointError(f"no verification was broken off: {path} is not there") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        raise CheckpointError(f"{path} can't be read ({error}): {_ANEW}") from error


def remove_checkpoint(spool: Path) -> None:
    """Nothing is left to go on from."""
    (spool / NAME).unlink(missing_ok=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(b"verify.checkpoint" + content).hexdigest()
