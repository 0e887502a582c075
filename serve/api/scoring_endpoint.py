"""Scoring routes as endpoints of the framework: for addresses that `scoring_protocol` does not know by heart."""

from __future__ import annotations

import functools

from starlette.requests import Request
from starlette.responses import Response

from serve.access.middleware import caller_of
from serve.api.ticketed_response import TicketedResponse
from serve.error_answers import Endpoint, request_id_of, telling_errors
from serve.scoring.call import ScoringRoute
from serve.scoring.scoring import Scoring


def scoring_endpoint(scoring: Scoring, route: ScoringRoute) -> Endpoint:
    """Answers what is posted to the route."""
    return telling_errors(functools.partial(answer, scoring, route), route.write_error)


async def answer(scoring: Scoring, route: ScoringRoute, request: Request) -> Response:
    """Score a request.

    Raises:
        ServeError: the request is refused; nothing of it is on record.
    """
    headers = request.headers
    caller, path = caller_of(request).name, request.scope["path"]
    begun = scoring.begin(path, caller, request_id_of(request), headers, route.readers(headers))
    try:
        async for piece in request.stream():
            begun.add(piece)
        if begun.is_quick:
            answered = begun.answer()
        else:
            answered = await scoring.threads.submit(begun.answer)
    except BaseException as error:
        begun.fail(error)
        raise
    begun.answered(answered)
    return TicketedResponse(begun.ticket, answered.content, answered.media_type, answered.headers)
