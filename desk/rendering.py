"""Pages from templates. Text from outside is escaped everywhere."""

from __future__ import annotations

import datetime as dt
import re
from http import HTTPStatus
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from desk.assets import STYLE_URL
from desk.visits import TOKEN, Visit

_CODE: Final = re.compile("`([^`]+)`")
_PAGES: Final = Environment(
    loader=PackageLoader("desk"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(name: str, visit: Visit | None, status: HTTPStatus = HTTPStatus.OK, /, **shown: Any) -> HTMLResponse:
    """A page of a template, for a visitor; None where nobody knows who it is."""
    person = None if visit is None else visit.person
    shared = {"style": STYLE_URL, "person": person, "token": "" if visit is None else visit.token, "token_name": TOKEN}
    return HTMLResponse(_PAGES.get_template(name).render(**shared, **shown), status)


def _moment(value: dt.datetime | None) -> str:
    return "never" if value is None else f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def _coded(text: str) -> Markup:
    """Text between backticks becomes code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


_PAGES.filters |= {"moment": _moment, "coded": _coded}
