"""Errors that visitors see: no such page, no right to it, or an action that is impossible."""

from __future__ import annotations

from http import HTTPStatus

from fraud.errors import ProjectError


class PageError(ProjectError):
    """A page of its own tells why; `status` is its HTTP status."""

    status: HTTPStatus = HTTPStatus.BAD_REQUEST


class NotFound(PageError):
    """No page is there."""

    status = HTTPStatus.NOT_FOUND


class RoleMissing(PageError):
    """The visitor may see other pages, but not this one."""

    status = HTTPStatus.FORBIDDEN


class ForeignForm(PageError):
    """A form that none of our pages has given to this visitor."""

    status = HTTPStatus.FORBIDDEN


class FormTooLarge(PageError):
    """More than any form of ours holds."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TooManyLogins(PageError):
    """Passwords are not looked at for a while."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Changed(PageError):
    """A page's stored content was changed."""

    status = HTTPStatus.CONFLICT


class NotNow(PageError):
    """What a form asks for can't be done as things are."""

    status = HTTPStatus.CONFLICT


class TooManyFollow(PageError):
    """All places for live updates are taken."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
