"""The files of a pack: pages for people, JSON for programs, the evidence, and a manifest of all of them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from fraud.report.files import write_files
from fraud.report.page import page_environment
from fraud.report.plain_page import time_text
from serve.audit.pack.documents import NAMES, Document, declared, duties, filled
from serve.audit.pack.evidence import FOLDER, Evidence, Shelf

MANIFEST: Final = "manifest.json"
DUTIES: Final = "duties"
_PAGES: Final = page_environment("serve.audit.pack")


def pack_files(shelf: Shelf, made_at: dt.datetime) -> dict[str, bytes]:
    """All files of the pack, by name."""
    table = _json(duties())
    shelf.pieces[DUTIES] = Evidence("table of duties", f"{DUTIES}.json", hashlib.sha256(table).hexdigest())
    files = {**shelf.files, f"{DUTIES}.json": table}
    shared: dict[str, Any] = {"made": time_text(made_at), "facts": shelf.facts}
    for name in NAMES:
        document = filled(declared(name), shelf)
        files[f"{name}.html"] = _PAGES.get_template("page.html").render(document=document, **shared).encode()
        files[f"{name}.json"] = _json(_register(document) if name == "register" else document)
    files[f"{DUTIES}.html"] = _PAGES.get_template("duties.html").render(duties=duties(), **shared).encode()
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    files[MANIFEST] = _json({"made_at": made_at, "model": shelf.facts["model"], "sha256": hashes})
    return files


def write_pack(folder: Path, files: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write the files, the manifest last."""
    pieces = {name.removeprefix(f"{FOLDER}/"): content for name, content in files.items() if "/" in name}
    others = {name: content for name, content in files.items() if "/" not in name}
    return (*write_files(folder / FOLDER, pieces), *write_files(folder, others))


def _register(document: Document) -> dict[str, Any]:
    """An entry of a register of algorithms: its fields by name, each with its statement or open question."""
    return {
        item.point: {"value": item.statement, "evidence": item.evidence, "question": item.question}
        for chapter in document.chapters
        for item in chapter.items
    }


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
