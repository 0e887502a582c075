"""Read the settings once, at the edge of a program."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_settings import SettingsError as NotReadableError

from fraud.environment import DEFAULT_RUN_DIR, SECRETS_FILE, settle_environment
from fraud.errors import SettingsError
from fraud.run_lock import is_held
from fraud.secret_files import read_secret_files
from fraud.settings.parts import Settings
from fraud.settings.renamed import refuse_renamed

ADDRESSES_FILE: Final = "stack.env"
"""In the run folder: addresses of the embedded services, while they run."""

MAY_HOLD_PASSWORDS: Final = frozenset(
    {"database_url", "anchor_url", "server_urls", "oidc_issuer", "oidc_client_secret", "notify_url", "notify_mail"}
)
"""Addresses and secrets that no message may quote."""


def load_settings() -> Settings:
    """Read the settings, and settle the rest of the environment (`settle_environment`).

    Raises:
        SettingsError: one line that names the variable, its value (never of a secret) and what was expected; a file
            that can't be read; or a former name of a setting.
    """
    settle_environment()
    run_dir = Path(os.environ.get("RUN_DIR") or DEFAULT_RUN_DIR)
    # The addresses are those of a stack that runs; one that was killed could not remove them.
    addresses = (run_dir / ADDRESSES_FILE,) if is_held(run_dir) else ()
    files = (*addresses, run_dir / SECRETS_FILE, Path(".env"))
    for file in files:
        _check_readable(file)
    refuse_renamed(os.environ, files)
    try:
        return Settings(_env_file=files, **read_secret_files(os.environ, _secrets()))  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None
    except NotReadableError as error:
        raise SettingsError(_no_json(error)) from None


def _secrets() -> list[str]:
    return [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]


def _check_readable(path: Path) -> None:
    try:
        path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingsError(f"{path}, line {line}, is not in UTF-8: save the file in that encoding") from None
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}") from None


def _no_json(error: NotReadableError) -> str:
    """pydantic-settings names the field in its message only; the text itself may be a secret."""
    named = re.search(r'field "(\w+)"', str(error))
    return f"{named[1].upper() if named else 'a setting'}: expected JSON (`python -m fraud` lists the settings)"


def _one_line(error: ValidationError) -> str:
    faults = []
    for fault in error.errors():
        setting, *within = (str(name) for name in fault["loc"])
        # A key in the place of its entry is a secret too.
        secret = "password" in setting or setting.endswith(("key", "keys")) or setting in MAY_HOLD_PASSWORDS
        value = "" if secret else f"={fault['input']!r}"
        faults.append(f"{'.'.join([setting.upper(), *within])}{value}: {fault['msg']}")
    return "; ".join(faults) + " (`python -m fraud` lists the settings)"
