"""PostgreSQL: where it is, and the passwords of its roles."""

from __future__ import annotations

from enum import StrEnum

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import Field, SecretStr

from fraud.errors import SettingsError
from fraud.settings.part import Part


class DatabaseRole(StrEnum):
    """A PostgreSQL login with no more rights than its program needs (`initdb/01_roles.sql`)."""

    SERVER = "scoring_server"
    TRAINER = "scoring_trainer"
    AUDITOR = "scoring_auditor"
    MLFLOW = "scoring_mlflow"
    DESK = "scoring_desk"


class DatabaseSettings(Part):
    """PostgreSQL: where it is, and the passwords of its roles."""

    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL address with its owner's login, postgresql://USER@HOST:PORT/DATABASE; "
        "unset = the embedded server",
    )
    postgres_password: SecretStr | None = Field(
        None, description="password of the user of DATABASE_URL, where the address has none"
    )
    server_db_password: SecretStr | None = Field(None, description="password of role scoring_server")
    trainer_db_password: SecretStr | None = Field(None, description="password of role scoring_trainer")
    auditor_db_password: SecretStr | None = Field(None, description="password of role scoring_auditor")
    desk_db_password: SecretStr | None = Field(
        None, description="password of role scoring_desk; unset = the server has no pages for people"
    )
    mlflow_db_password: SecretStr | None = Field(None, description="password of role scoring_mlflow")

    def dsn(self, role: DatabaseRole | None = None) -> str:
        """Connection string of the database for a role, or for its owner.

        A role whose password is not set connects as DATABASE_URL says: on a machine that only serves, that already
        names the role.

        Raises:
            SettingsError: no database is configured.
        """
        dsn = self._owner_dsn()
        password = self._role_password(role)
        if role is None or password is None:
            return dsn
        return make_dsn(dsn, user=role.value, password=password.get_secret_value())

    def _owner_dsn(self) -> str:
        if self.database_url is None:
            raise SettingsError("no PostgreSQL: set DATABASE_URL, or start everything with `make run`")
        url = self.database_url.get_secret_value()
        if self.postgres_password is None or _has_password(url):
            return url
        return make_dsn(url, password=self.postgres_password.get_secret_value())

    def _role_password(self, role: DatabaseRole | None) -> SecretStr | None:
        return {
            None: None,
            DatabaseRole.SERVER: self.server_db_password,
            DatabaseRole.TRAINER: self.trainer_db_password,
            DatabaseRole.AUDITOR: self.auditor_db_password,
            DatabaseRole.DESK: self.desk_db_password,
            DatabaseRole.MLFLOW: self.mlflow_db_password,
        }[role]


def _has_password(url: str) -> bool:
    try:
        return "password" in parse_dsn(url)
    except psycopg2.Error:
        return True  # whoever connects says what is wrong with the address
