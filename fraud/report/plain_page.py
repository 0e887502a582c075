"""Plain pages: no scripts, nothing to fetch, to be kept, printed or sent; tables, lists and pictures in a row.

By the standard library: training has no engine for templates.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from fraud.report.style import STYLE

TEMPLATE: Final = Path(__file__).with_suffix(".html")


def encode_page(title: str, parts: Iterable[str], heading: str | None = None) -> str:
    """A page of parts in HTML, under its title or a `heading` in HTML."""
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    heading = heading or escape(title)
    return template.substitute(title=escape(title), style=STYLE, heading=heading, body="\n".join(parts))


def verdict_heading(what: str, verdict: str) -> str:
    """A heading in HTML with the word of a verdict."""
    return f'{escape(what)}: <span class="{escape(verdict)}">{escape(verdict.replace("_", " "))}</span>'


def picture(png: bytes, caption: str) -> str:
    """A picture inside the page."""
    data = base64.b64encode(png).decode("ascii")
    return f'<p><img src="data:image/png;base64,{data}" alt="{escape(caption)}"></p>'


def facts_table(facts: Iterable[tuple[str, object]]) -> str:
    """A line for each fact, its name in front."""
    lines = (f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in facts)
    return "\n".join(("<table>", *lines, "</table>"))


def rows_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a header; where it has no rows, it says so."""
    lines = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    head = f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in header)}</tr>"
    return "\n".join(("<table>", head, *(lines or [f'<tr><td colspan="{len(header)}">none</td></tr>']), "</table>"))


def bullets(items: Iterable[str]) -> str:
    """A list."""
    return "\n".join(("<ul>", *(f"<li>{escape(item)}</li>" for item in items), "</ul>"))


def note(text: str) -> str:
    """A remark."""
    return f'<p class="note">{escape(text)}</p>'


def time_text(moment: dt.datetime) -> str:
    """A time in the format of pages."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
