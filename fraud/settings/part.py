"""What all parts of the settings share: where values come from, and types with their bounds."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

import annotated_types
from pydantic_settings import BaseSettings, SettingsConfigDict

from fraud.errors import SettingsError

SECRET_MIN: Final = 32
"""Characters of a key that signs or draws."""

Port = Annotated[int, annotated_types.Interval(ge=1, le=65535)]
PositiveInt = Annotated[int, annotated_types.Gt(0)]
PositiveFloat = Annotated[float, annotated_types.Gt(0)]
Share = Annotated[float, annotated_types.Interval(gt=0, le=1)]
Ratio = Annotated[float, annotated_types.Ge(1)]
Allowance = Annotated[float, annotated_types.Interval(ge=0, le=1)]


class Part(BaseSettings):
    """Settings of one part of the project; a field's upper-case name is its environment variable."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)


def is_web_address(value: str) -> bool:
    """Whether a text is an http or https address with a host."""
    url = urlsplit(value)
    return url.scheme in {"http", "https"} and bool(url.hostname)


def long_enough(name: str, secret: str) -> bytes:
    """The secret as bytes.

    Raises:
        SettingsError: it is too short to be a key.
    """
    if len(secret) < SECRET_MIN:
        raise SettingsError(f"{name}: expected {SECRET_MIN} characters or more, as by `openssl rand -hex 32`")
    return secret.encode()
