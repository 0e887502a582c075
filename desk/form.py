"""A form as it comes: fields, and files where it has any. Python's own reader of messages takes it apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Final
from urllib.parse import parse_qs

MULTIPART: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Form:
    """What somebody has filled in; of a name that is there several times the last counts."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def read_form(content_type: str, body: bytes) -> Form:
    """The form of a body; what is none has no fields."""
    if content_type.partition(";")[0].strip().lower() == MULTIPART:
        return _multipart(content_type, body)
    found = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return Form({name: _storable(values[-1]) for name, values in found.items()})


def _multipart(content_type: str, body: bytes) -> Form:
    # A header of its own begins the message, so nothing of the type may end it early.
    declared = content_type.encode("latin-1", "replace").replace(b"\r", b"").replace(b"\n", b"")
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + declared + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            continue
        if part.get_filename() is None:
            fields[name] = _storable(content.decode("utf-8", "replace"))
        else:
            files[name] = content
    return Form(fields, files)


def _storable(text: str) -> str:
    """A text that PostgreSQL takes, which has no place for NUL: replaced, as bytes are that are no UTF-8."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
