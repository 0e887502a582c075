"""Checks the signatures of a spool's anchors."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping

from serve.audit.findings import Fault, Finding
from serve.prediction_log.anchor import Anchor, Register
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.errors import SpoolError


def check_signatures(
    key: AnchorKey, anchors: Mapping[uuid.UUID, Anchor], register: Register | None
) -> Iterator[Finding]:
    """Yield anchors, or a register, not signed with the key, and missing anchors."""
    if register is None or not register.signed_since:
        if anchors or register is not None:
            yield Finding(
                Fault.CHANGED,
                "no register says since when anchors are signed: it was removed, or signing has not begun",
            )
        since = ""
    else:
        since = f", as all are since {moment(register.signed_since)}"
    if register is not None and register.signature and not key.has_signed_register(register):
        yield Finding(Fault.CHANGED, "the register of anchors does not match its signature under this key")
    for chain_id, anchor in anchors.items():
        if not anchor.signature:
            yield Finding(Fault.CHANGED, f"its anchor is not signed{since}", chain_id)
        elif not key.has_signed(chain_id, anchor):
            yield Finding(Fault.CHANGED, "its anchor does not match its signature under this key", chain_id)
    for digits in () if register is None else register.chains:
        if uuid.UUID(digits) not in anchors:
            yield Finding(Fault.MISSING, "its anchor is missing", uuid.UUID(digits))


def told_signing(anchors: Anchors, *, has_key: bool) -> str:
    """Since when anchors are signed, for readers of the result: they should question an unexpectedly late time."""
    try:
        register = anchors.register()
    except SpoolError:
        register = None
    if register is None or not register.signed_since:
        return "anchors are not signed here"
    checked = "and were checked" if has_key else "but AUDIT_KEY is not set: their signatures were not checked"
    return f"anchors are signed since {moment(register.signed_since)}, {checked}"


def moment(microseconds: int) -> str:
    """The time as text."""
    return f"{dt.datetime.fromtimestamp(microseconds / 1e6, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
