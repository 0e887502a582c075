"""Why nobody was logged in by the provider. The message is for the visitor; what a library said stays here."""

from __future__ import annotations

from http import HTTPStatus

from fraud.errors import ProjectError


class OidcError(ProjectError):
    """A fault of one login; `status` is that of the page that tells of it."""

    status: HTTPStatus = HTTPStatus.UNAUTHORIZED

    def __init__(self, told: str, subject: str | None = None) -> None:
        """`subject`: for whom the provider vouched, where it did."""
        super().__init__(told)
        self.subject = subject


class LoginRefused(OidcError):
    """The provider vouches for nobody, or not for this browser and this service."""


class RolesMissing(OidcError):
    """The person is known and may do nothing here."""

    status = HTTPStatus.FORBIDDEN


class ProviderAway(OidcError):
    """The provider does not answer, or too slowly."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class ProviderWrong(OidcError):
    """The provider's answer is not as the standard has it, or the settings are not those of this provider."""

    status = HTTPStatus.BAD_GATEWAY
