"""The documents, declared in TOML: each item is a statement with its evidence, or a question for people."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from serve.audit.pack.evidence import Evidence, Shelf

FOLDER: Final = Path(__file__).parent
NAMES: Final = ("technical", "impact", "register")


class DeclaredItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item: exactly one of `says` and `asks`."""

    point: str
    """Point of the law, or name of a field of the register."""
    says: str | None = None
    """Statement, with facts in braces."""
    evidence: Sequence[str] = ()
    asks: str | None = None

    def __post_init__(self) -> None:
        """Refuse an item with both `says` and `asks`, with neither, or with a statement without evidence."""
        if (self.says is None) == (self.asks is None) or bool(self.says) != bool(self.evidence):
            raise ValueError(f"{self.point}: expected `says` with `evidence`, or `asks`")


class DeclaredChapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A chapter, in the law's order."""

    title: str
    law: str
    item: Sequence[DeclaredItem]


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A declared document."""

    title: str
    about: str
    chapter: Sequence[DeclaredChapter]


class Item(msgspec.Struct, frozen=True):
    """An item of the pack."""

    point: str
    statement: str | None
    evidence: Sequence[Evidence]
    question: str | None
    """A question that only people can answer, or for which there is no evidence yet."""


class Chapter(msgspec.Struct, frozen=True):
    """A chapter of a document."""

    title: str
    law: str
    items: Sequence[Item]


class Document(msgspec.Struct, frozen=True):
    """A document of the pack."""

    title: str
    about: str
    chapters: Sequence[Chapter]

    @property
    def open_questions(self) -> int:
        """The number of unanswered items."""
        return sum(item.question is not None for chapter in self.chapters for item in chapter.items)


class Duty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A duty of a high-risk system, how it is met, and the tests that show it."""

    article: str
    duty: str
    met_by: str
    paths: Sequence[str]
    """Paths in the product, relative to its root."""
    tests: Sequence[str]
    """`path::name`."""
    remains: str
    """What the product can't do for its users."""


def declared(name: str) -> Declared:
    """A document's declaration."""
    return msgspec.convert(_read(name), Declared)


def duties() -> Sequence[Duty]:
    """The table of duties."""
    return msgspec.convert(_read("duties")["duty"], list[Duty])


def filled(document: Declared, shelf: Shelf) -> Document:
    """The document, filled with the available evidence."""
    chapters = [
        Chapter(chapter.title, chapter.law, [_item(item, shelf) for item in chapter.item])
        for chapter in document.chapter
    ]
    return Document(document.title, document.about, chapters)


def _item(item: DeclaredItem, shelf: Shelf) -> Item:
    """A statement; if its evidence or a fact is missing, a question instead."""
    if item.says is None:
        return Item(item.point, None, (), item.asks)
    quoted = {name for _, name, _, _ in string.Formatter().parse(item.says) if name}
    missing = [key for key in item.evidence if key not in shelf.pieces] + sorted(quoted - shelf.facts.keys())
    if missing:
        told = f"There is no evidence of this yet ({', '.join(missing)}): create it, or describe what is there instead."
        return Item(item.point, None, (), told)
    return Item(item.point, item.says.format_map(shelf.facts), [shelf.pieces[key] for key in item.evidence], None)


def _read(name: str) -> Mapping[str, object]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
