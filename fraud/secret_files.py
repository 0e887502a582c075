"""Secrets as files, as Docker and Kubernetes mount them: `NAME_FILE` names one that holds the setting `NAME`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from fraud.errors import SettingsError

SUFFIX: Final = "_FILE"
MAX_BYTES: Final = 64 * 1024


def read_secret_files(environment: Mapping[str, str], settings: Iterable[str]) -> dict[str, str]:
    """Setting -> what its file holds, without the end of the last line; only of those whose `NAME_FILE` is set.

    Raises:
        SettingsError: a file can't be read, is empty or no text, or the value is given as well.
    """
    found = {}
    for setting in settings:
        variable = setting.upper()
        path = environment.get(variable + SUFFIX)
        if path:
            if environment.get(variable):
                raise SettingsError(f"{variable} and {variable}{SUFFIX} are both set: set one of them")
            found[setting] = read_secret(variable + SUFFIX, Path(path))
    return found


def read_secret(variable: str, path: Path) -> str:
    """What a file holds that the setting or option `variable` names, without the end of the last line.

    Raises:
        SettingsError: it can't be read, is empty or no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        secret = content.decode().rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{variable}={path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}={path}: expected text in UTF-8") from None
    if not secret or len(content) > MAX_BYTES:
        raise SettingsError(f"{variable}={path}: expected a secret of 1 to {MAX_BYTES:,} bytes")
    return secret
