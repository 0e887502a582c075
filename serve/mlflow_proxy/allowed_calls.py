"""MLflow's calls that pass the proxy, and the roles they require: deny by default.

MLflow has several hundred routes, some of which run code, fetch addresses or write files, and have had vulnerabilities
more than once. Listed here are the calls that its pages need to show experiments, runs and models, and to change
aliases and descriptions. Only training, which reaches MLflow without this proxy, writes versions, tags and artifacts: a
version's source may be any file or address, and its tags hold the SHA-256 and the verdict that others rely on.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, unquote

from fraud.api_keys import Role
from serve.errors import Forbidden, MalformedBody

READ_METHODS: Final = frozenset({"GET", "HEAD"})

_API: Final = r"/(?:ajax-)?api"
_ID: Final = r"[A-Za-z0-9_-]+"
_FILE: Final = r"[A-Za-z0-9._~%+=@,() -]+(?:/[A-Za-z0-9._~%+=@,() -]+)*"

_PAGES: Final = rf"/|/health|/version|/static-files/{_FILE}|/get-artifact|/model-versions/get-artifact"
_READS: Final = (
    r"artifacts/list|experiments/(?:get|get-by-name|search)|runs/get"
    r"|metrics/get-history(?:-bulk|-bulk-interval)?"
    r"|model-versions/(?:get|get-download-uri|search)|registered-models/(?:alias|get|get-latest-versions|search)"
    rf"|logged-models/{_ID}(?:/artifacts/(?:directories|files))?"
)
_SEARCHES: Final = (
    r"experiments/(?:search|search-datasets)|runs/search|registered-models/get-latest-versions|logged-models/search"
)

_ALLOWED: Final = (
    (READ_METHODS, re.compile(_PAGES), Role.READ),
    (READ_METHODS, re.compile(rf"{_API}/2\.0/mlflow/(?:{_READS})"), Role.READ),
    (READ_METHODS, re.compile(rf"{_API}/2\.0/mlflow-artifacts/artifacts(?:/{_FILE})?"), Role.READ),
    (READ_METHODS, re.compile(rf"{_API}/3\.0/mlflow/server-info"), Role.READ),
    (frozenset({"POST"}), re.compile(rf"{_API}/2\.0/mlflow/(?:{_SEARCHES})"), Role.READ),
    (frozenset({"POST"}), re.compile(rf"{_API}/3\.0/mlflow/(?:traces|datasets)/search"), Role.READ),
    # Its schema has only queries, and a mutation that returns its input.
    (frozenset({"POST"}), re.compile(r"/graphql"), Role.READ),
    (frozenset({"POST", "DELETE"}), re.compile(rf"{_API}/2\.0/mlflow/registered-models/alias"), Role.OPERATE),
    (
        frozenset({"PATCH"}),
        re.compile(rf"{_API}/2\.0/mlflow/(?:registered-models|model-versions)/update"),
        Role.OPERATE,
    ),
)

_ARTIFACTS: Final = re.compile(rf"/(?:model-versions/)?get-artifact|{_API}/2\.0/mlflow-artifacts/.*")
_FILE_PARAMETERS: Final = frozenset({"path", "artifact_path", "run_uuid", "run_id", "model_id"})
"""Query parameters from which MLflow builds paths."""
_DECODINGS: Final = 4
"""MLflow and its libraries decode more than once."""
_STRANGE: Final = re.compile(r"[\\;\x00-\x1f\x7f]|://")


def role_of_call(method: str, path: str) -> Role:
    """The role that a call requires; `path` is raw, without the proxy's prefix.

    Raises:
        Forbidden: the call is not allowed.
    """
    for methods, pattern, role in _ALLOWED:
        if method in methods and pattern.fullmatch(path):
            return role
    raise Forbidden(
        f"{method} /mlflow{_printable(path)} is not allowed here: only reading, and changing aliases and descriptions; "
        f"do anything else on the server's machine"
    )


def is_artifact(path: str) -> bool:
    """Whether the answer is a run's artifact."""
    return _ARTIFACTS.fullmatch(path) is not None


def check_names_of_files(path: str, query: str) -> None:
    """Refuse path traversal in the path and in values of the query.

    Raises:
        MalformedBody: a parent step, a second address, or an ambiguous character, however encoded.
    """
    _check(path)
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in _FILE_PARAMETERS:
            _check(value)


def _check(text: str) -> None:
    for _ in range(_DECODINGS):
        steps = text.replace("\\", "/").split("/")
        if any(step in {"..", "."} for step in steps) or _STRANGE.search(text):
            raise MalformedBody("the address may contain no '.' or '..' steps, no '\\', ';' or '://', however encoded")
        decoded = unquote(text)
        if decoded == text:
            return
        text = decoded
    raise MalformedBody("the address is percent-encoded too often")


def _printable(path: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in path[:200])
