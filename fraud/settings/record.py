"""The record of every answer: spool, keys, anchors and how long it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from fraud.settings.part import Part, PositiveFloat, PositiveInt, is_web_address, long_enough


def _check_anchor_url(value: SecretStr) -> SecretStr:
    url = urlsplit(value.get_secret_value())
    is_folder = url.scheme == "file" and not url.netloc and url.path.startswith("/")
    if not is_folder and not is_web_address(value.get_secret_value()):
        raise ValueError("expected file:///folder, http://address or https://address")
    return value


class RecordSettings(Part):
    """The record of every answer: spool, keys, anchors and how long it is kept."""

    spool_dir: Path | None = Field(
        None, description="folder where predictions wait for the database; unset = RUN_DIR/spool"
    )
    spool_max_bytes: PositiveInt = Field(
        8 * 1024**3, description="most that may wait there, bytes; beyond it requests are refused (503)"
    )
    audit_sync: Literal["os", "interval", "always"] = Field(
        "interval", description="when a prediction is forced to the disk: see The record"
    )
    audit_key: SecretStr | None = Field(None, description="key that signs the anchors of the record: see The record")
    anchor_url: Annotated[SecretStr, AfterValidator(_check_anchor_url)] | None = Field(
        None, description="where anchors are sent as well, each minute: file:///folder, http:// or https:// address"
    )
    applicant_ref_key: SecretStr | None = Field(
        None, description="key under which `applicant_ref` is kept; losing it makes erasure impossible"
    )
    applicant_ref_old_keys: SecretStr | None = Field(
        None, description="keys that it was kept under before, comma-separated; persons are still found under them"
    )
    idempotency_hours: PositiveFloat = Field(
        24.0, description="time for which a request with the same Idempotency-Key gets the same answer, hours"
    )
    log_retention_months: PositiveInt = Field(24, description="full months that predictions are kept in the database")

    def anchor_secret(self) -> bytes | None:
        """What signs anchors; None if nothing is to.

        Raises:
            SettingsError: it is too short to be a key.
        """
        return None if self.audit_key is None else long_enough("AUDIT_KEY", self.audit_key.get_secret_value())

    def ref_keys(self) -> tuple[str | None, list[str]]:
        """The key under which `applicant_ref` is kept, if there is one, and those that it was before."""
        newest = self.applicant_ref_key.get_secret_value() if self.applicant_ref_key else None
        given = self.applicant_ref_old_keys.get_secret_value() if self.applicant_ref_old_keys else ""
        return newest, [key for part in given.split(",") if (key := part.strip())]
