"""docs/reference/errors.md: every error of the API, by the classes of `serve.errors`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Final

import serve.app  # noqa: F401 - brings the errors of all parts
from serve.errors import RouteError, ServeError
from tests.docs.reference.markdown import table

TITLE: Final = "Errors"
INTRODUCTION: Final = """\
An error is JSON and names what is wrong. Nothing of such a request is scored or recorded.

```json
{"error": {"code": "invalid_instance", "message": "Age_Days of instance 1: Expected `float`, got `str`", "instance": 1,
"field": "Age_Days"}, "request_id": "5f0c..."}
```

`instance` (0-based) and `field` are there where one is at fault, and `faults` lists the faults of a batch. The
[other protocols](../how-to/from-other-servers.md) have their own forms. An address that does not exist gets
404 (`not_found`).

"""


def errors_page() -> str:
    """The page, by status and code."""
    errors = _errors(ServeError)
    found = sorted({(str(error.status), f"`{error.code}`", _when(error), _retry(error)) for error in errors})
    return INTRODUCTION + table(("status", "code", "when, and what to do", "`Retry-After`"), found)


def _errors(error: type[ServeError]) -> Iterator[type[ServeError]]:
    """Those with a code of their own, or another status under the same one."""
    for below in error.__subclasses__():
        if below is not RouteError and {"code", "status"} & vars(below).keys():
            yield below
        yield from _errors(below)


def _when(error: type[ServeError]) -> str:
    return inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0].removesuffix(".")


def _retry(error: type[ServeError]) -> str:
    headers = error.headers
    return headers.get("Retry-After", "") if not isinstance(headers, property) else ""
