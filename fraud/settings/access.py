"""Who may call, and how people log in."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from fraud.api_keys import ApiKey, parse_api_keys
from fraud.confidential_address import is_confidential
from fraud.errors import SettingsError
from fraud.settings.part import Part

ADMIN_USER: Final = "admin"
"""Login of whoever runs the server, at /update-model and /mlflow/."""


def _parse_api_keys(value: object) -> object:
    return parse_api_keys(value) if isinstance(value, str) else value


def _check_issuer(value: str) -> str:
    if not is_confidential(value) or "?" in value or "#" in value:
        raise ValueError("expected the https:// address that the provider calls its issuer")
    return value


class AccessSettings(Part):
    """Who may call, and how people log in."""

    admin_password: SecretStr | None = Field(
        None, description="password of the user `admin` of /update-model and /mlflow/"
    )
    authentication: Literal["on", "off"] = Field("on", description="off: everybody may score, without an API key")
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode, BeforeValidator(_parse_api_keys)] = Field(
        (),
        description="keys that a server knows without the database, as `make run` writes them: see Who may call",
        json_schema_extra={"default": "-"},
    )
    scoring_api_key: SecretStr | None = Field(None, description="key that our own clients send (bench, replay)")
    oidc_issuer: Annotated[str, AfterValidator(_check_issuer)] | None = Field(
        None, description="OpenID provider at which people log in as well: its issuer, https:// address; unset = none"
    )
    oidc_client_id: str | None = Field(None, description="what the provider calls this service")
    oidc_client_secret: SecretStr | None = Field(
        None,
        description="secret by which the provider knows this service; unset = a public client, which has PKCE alone",
    )
    oidc_scope: str = Field("openid profile", description="what the provider is asked for; some give roles by another")
    oidc_roles_claim: str = Field("roles", description="claim of the ID token that has roles; dots lead into objects")
    oidc_roles: dict[str, Literal["operate", "audit", "review", "supervise", "admin"]] = Field(
        {}, description="which value of that claim gives which role, as JSON: theirs to ours; {} = they are ours"
    )

    def administrator_password(self) -> str:
        """Password of the user `admin`.

        Raises:
            SettingsError: none is set; there is no default.
        """
        if self.admin_password is None:
            raise SettingsError("ADMIN_PASSWORD is not set: choose one, or start everything with `make run`")
        return self.admin_password.get_secret_value()

    def asks_for_keys(self) -> bool:
        """Whether scoring takes an API key."""
        return self.authentication == "on"

    def client_key(self) -> str | None:
        """The plain key that our own clients send; None if they are to send none."""
        return None if self.scoring_api_key is None else self.scoring_api_key.get_secret_value()
