"""`/mlflow/`: the protected access to the MLflow server, which itself listens where only this server can reach it.

`allowed_calls` lists the allowed calls, and `access` checks the caller. Only a request's content is forwarded to
MLflow: no logins, no cookies, and no headers that name the caller's site. Only an answer's content is returned: nothing
that reveals where MLflow listens or stores its data.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from fraud.api_keys import Role
from serve.access.middleware import caller_of
from serve.api.security_headers import ARTIFACT_POLICY
from serve.errors import MalformedBody, UpstreamError
from serve.forwarding import body_of, client_of_proxy, short_body
from serve.mlflow_proxy.allowed_calls import READ_METHODS, check_names_of_files, is_artifact, role_of_call
from serve.mlflow_proxy.presets import OURS, with_presets

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PREFIX: Final = "/mlflow"
FIRST_PAGE: Final = "/"
"""Path of the single page below the prefix."""
CLASSIC: Final = "workflowType=machine_learning"
"""Makes MLflow's pages show runs and models, and not its mode for language models."""
MAX_BODY_BYTES: Final = 1024 * 1024
"""Maximum request body: searches and descriptions are short."""

_FORWARDED: Final = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "content-type", "user-agent"),
        *("if-modified-since", "if-none-match", "if-range", "range"),
    }
)
_ABOUT_RANGES: Final = frozenset({"range", "if-range"})
_RETURNED: Final = frozenset(
    {
        *("content-type", "content-length", "content-encoding", "content-language", "content-disposition"),
        *("accept-ranges", "content-range", "etag", "last-modified", "cache-control", "expires", "vary"),
        *("allow", "retry-after"),
    }
)


class MlflowProxy:
    """Forwards `/mlflow/...` to the tracking server, streaming both ways."""

    def __init__(self, tracking_uri: str, model_name: str) -> None:
        self._upstream = tracking_uri.rstrip("/")
        self._first_page = f"{PREFIX}/#/models/{quote(model_name, safe='')}?{CLASSIC}"
        self._client = client_of_proxy()

    def routes(self) -> list[Route]:
        """The routes of the proxy."""
        return [
            Route(PREFIX, self._to_model, methods=["GET"]),
            Route(PREFIX + "/{path:path}", self._forward, methods=list(METHODS)),
        ]

    async def close(self) -> None:
        """Close the connections to MLflow."""
        await self._client.aclose()

    async def _to_model(self, request: Request) -> Response:
        return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": self._first_page})

    async def _forward(self, request: Request) -> Response:
        path, query = _address(request)
        check_names_of_files(path, query)
        if request.method in READ_METHODS and path in OURS:
            caller_of(request).require(Role.READ)
            return _whole(request, *OURS[path])
        caller_of(request).require(role_of_call(request.method, path))
        answer = await self._ask(request, path, query)
        if answer.is_server_error or answer.has_redirect_location:
            await answer.aclose()
            return self._in_our_words(answer)
        headers = {name: value for name, value in answer.headers.items() if name in _RETURNED}
        if path == FIRST_PAGE and answer.status_code == HTTPStatus.OK:
            return _whole(request, with_presets(await _read(answer)), headers["content-type"])
        if is_artifact(path):
            headers["content-security-policy"] = ARTIFACT_POLICY
        return StreamingResponse(
            body_of(answer, only_head=request.method == "HEAD"),
            answer.status_code,
            headers=headers,
            background=BackgroundTask(answer.aclose),
        )

    async def _ask(self, request: Request, path: str, query: str) -> httpx.Response:
        """MLflow's answer; its body is not read yet.

        HEAD is sent as GET, since MLflow answers some HEADs with other code and headers. Ranges apply to GET only (RFC
        9110, section 14.2).
        """
        method, names = request.method, _FORWARDED
        if method == "HEAD":
            method, names = "GET", _FORWARDED - _ABOUT_RANGES
        upstream = self._client.build_request(
            method,
            self._upstream + path + (f"?{query}" if query else ""),
            headers=[(name, value) for name, value in request.headers.items() if name in names],
            content=None if method in READ_METHODS else await short_body(request, MAX_BODY_BYTES),
        )
        try:
            return await self._client.send(upstream, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UpstreamError(f"MLflow does not answer ({type(error).__name__}): see its log") from error

    def _in_our_words(self, answer: httpx.Response) -> Response:
        """Replace answers that would reveal MLflow's addresses: redirects, and errors with its database's messages.

        Raises:
            UpstreamError: MLflow failed, or redirects to another host.
        """
        if answer.is_server_error:
            raise UpstreamError(f"MLflow failed ({answer.status_code}): see its log")
        inside = httpx.URL(self._upstream + "/")
        target = answer.next_request.url if answer.next_request is not None else inside
        path, prefix = target.raw_path.decode("ascii"), inside.raw_path.decode("ascii")
        if (target.scheme, target.netloc) != (inside.scheme, inside.netloc) or not path.startswith(prefix):
            raise UpstreamError("MLflow redirects to an address that only the server can reach: see its log")
        location = f"{PREFIX}/{path.removeprefix(prefix)}"
        return Response(status_code=answer.status_code, headers={"Location": location})


def _whole(request: Request, content: bytes, media_type: str) -> Response:
    """An answer with a known body; for HEAD only its length."""
    if request.method != "HEAD":
        return Response(content, media_type=media_type)
    return Response(headers={"content-type": media_type, "content-length": str(len(content))})


async def _read(answer: httpx.Response) -> bytes:
    """Read MLflow's first page, which is short."""
    try:
        return await answer.aread()
    except httpx.HTTPError as error:
        raise UpstreamError(f"MLflow does not answer ({type(error).__name__}): see its log") from error
    finally:
        await answer.aclose()


def _address(request: Request) -> tuple[str, str]:
    """Raw path below the prefix, and query, so that encoded characters keep their meaning."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    if not (raw.isascii() and query.isascii()):
        raise MalformedBody("the address has characters that must be percent-encoded")
    path = raw.partition(b"?")[0].decode("ascii")
    if not path.startswith(PREFIX + "/"):
        raise MalformedBody(f"the address must begin with {PREFIX}/ literally, not percent-encoded")
    return path.removeprefix(PREFIX), query.decode("ascii")
