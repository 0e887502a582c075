"""What a visitor is told who can't have a page, or can't do what a form asks for."""

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
    """What is told as it happens is told to others."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
