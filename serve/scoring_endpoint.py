"""Scoring routes as endpoints of the framework: for addresses that `scoring_protocol` does not know by heart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from serve.admission import TicketedResponse
from serve.errors import ServeError
from serve.request_context import request_id_of
from serve.scoring import Scoring
from serve.scoring_call import ScoringRoute

Endpoint = Callable[[Request], Awaitable[Response]]


def scoring_endpoint(scoring: Scoring, route: ScoringRoute) -> Endpoint:
    """Answers what is posted to the route."""

    async def endpoint(request: Request) -> Response:
        try:
            return await answer(scoring, route, request)
        except ServeError as error:
            content = route.write_error(error, request_id_of(request))
            return Response(content, error.status, error.headers, media_type="application/json")

    return endpoint


async def answer(scoring: Scoring, route: ScoringRoute, request: Request) -> Response:
    """Score a request.

    Raises:
        ServeError: the request is refused; nothing of it is on record.
    """
    headers = request.headers
    begun = scoring.begin(request.scope["path"], request_id_of(request), headers, route.readers(headers))
    try:
        async for piece in request.stream():
            begun.add(piece)
        if begun.is_quick:
            answered = begun.answer()
        else:
            answered = await asyncio.get_running_loop().run_in_executor(scoring.threads, begun.answer)
    except BaseException as error:
        begun.fail(error)
        raise
    begun.answered(answered)
    return TicketedResponse(begun.ticket, answered.content, answered.media_type, answered.headers)
