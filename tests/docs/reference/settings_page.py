"""docs/reference/settings.md: every setting, as `python -m fraud` lists them."""

from __future__ import annotations

import re
from typing import Final

from fraud.__main__ import Row, settings_tables
from tests.docs.reference.markdown import table

TITLE: Final = "Settings"
INTRODUCTION: Final = """\
Settings are environment variables, or lines of `.env`. `python -m fraud` prints these tables. A wrong value stops a
program with one line that names it. No password or key has a default: `make run` generates what is not set.

- Variables of libpq, such as `PGHOST` or `PGSERVICE`, are ignored: `DATABASE_URL` or `POSTGRES_*` name a database.
- Passwords, keys and addresses that hold one can be files, as Docker and Kubernetes mount secrets:
  `ADMIN_PASSWORD_FILE` of the environment names one that holds `ADMIN_PASSWORD`.

"""
CHAPTERS: Final = {
    "Who may call": "../how-to/keys-and-people.md#who-may-call",
    "The record": "../explanation/record.md",
    "Notices": "../how-to/notices.md",
    "Shadow a candidate": "../how-to/shadow.md#shadow-a-candidate",
}
"""What descriptions of settings refer to by `see ...`."""
_SEE: Final = re.compile(r"\bsee ([A-Z][A-Za-z ]+)")


def settings_page() -> str:
    """The page: a table for each part, in the order of the source."""
    return INTRODUCTION + "\n".join(f"## {part}\n\n{_table(rows)}" for part, rows in settings_tables().items())


def _table(rows: list[Row]) -> str:
    return table(
        ("setting", "default", "meaning"),
        [(f"`{name}`", default, _SEE.sub(_link, meaning)) for name, default, meaning in rows],
    )


def _link(see: re.Match[str]) -> str:
    return f"see [{see[1]}]({CHAPTERS[see[1]]})"
