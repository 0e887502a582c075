"""What the replay's commands get to see: the services of the settings, but a model, database and server of its own."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from fraud.api_keys import Role, key_settings
from fraud.settings import Settings

WINDOW_S: Final = 1.0
"""Twelve gates in a quarter of an hour measure for half the time, unless the settings say how long."""


def replay_environment(
    settings: Settings, *, database_dsn: str, model_name: str, run_dir: Path, port: int
) -> dict[str, str]:
    """Environment variables that set the replay apart; every other setting reaches the commands as it is.

    Args:
        settings: of production.
        database_dsn: owner's connection string of the replay's database.
        model_name: the registered model of the replay.
        run_dir: run folder of the commands.
        port: of the server.
    """
    # With another RUN_DIR the run folder's file of secrets is not read.
    shared = {
        name.upper(): value.get_secret_value()
        for name, value in settings
        if isinstance(value, SecretStr) and name != "database_url"
    }
    effort = settings.gate_effort
    if "window_s" not in effort.model_fields_set:
        effort = effort.model_copy(update={"window_s": WINDOW_S})
    return shared | {
        "GATE_EFFORT": effort.model_dump_json(),
        "RUN_DIR": str(run_dir),
        "DATABASE_URL": database_dsn,
        "MLFLOW_TRACKING_URI": settings.tracking_uri(),
        "MODEL_NAME": model_name,
        "SERVE_HOST": "127.0.0.1",
        "SSL_CERTFILE": "",
        "SSL_KEYFILE": "",
        "SERVE_PORT": str(port),
        "ADMIN_PASSWORD": secrets.token_urlsafe(),
        **key_settings("replay", Role.SCORE),
    }
