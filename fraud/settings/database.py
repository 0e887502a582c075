"""PostgreSQL: where it is, and the passwords of its roles."""

from __future__ import annotations

from enum import StrEnum

from psycopg2.extensions import make_dsn
from pydantic import Field, SecretStr

from fraud.errors import SettingsError
from fraud.settings.part import Part, Port


class DatabaseRole(StrEnum):
    """A PostgreSQL login with no more rights than its program needs (`initdb/01_roles.sql`)."""

    SERVER = "scoring_server"
    TRAINER = "scoring_trainer"
    AUDITOR = "scoring_auditor"
    MLFLOW = "scoring_mlflow"
    DESK = "scoring_desk"


class DatabaseSettings(Part):
    """PostgreSQL: where it is, and the passwords of its roles."""

    database_url: SecretStr | None = Field(None, description="PostgreSQL address; wins over POSTGRES_*")
    postgres_host: str | None = Field(None, description="PostgreSQL host; unset = the embedded server")
    postgres_port: Port = Field(5432, description="PostgreSQL port")
    postgres_db: str = Field("marriage_loans", description="database name")
    postgres_user: str = Field("postgres", description="owner of the database, used by initdb")
    postgres_password: SecretStr | None = Field(None, description="password of POSTGRES_USER")
    server_db_password: SecretStr | None = Field(None, description="password of role scoring_server")
    trainer_db_password: SecretStr | None = Field(None, description="password of role scoring_trainer")
    auditor_db_password: SecretStr | None = Field(None, description="password of role scoring_auditor")
    desk_db_password: SecretStr | None = Field(
        None, description="password of role scoring_desk; unset = the server has no pages for people"
    )
    mlflow_db_password: SecretStr | None = Field(None, description="password of role scoring_mlflow")

    def dsn(self, role: DatabaseRole | None = None) -> str:
        """Connection string of the database for a role, or for its owner.

        A role whose password is not set connects as DATABASE_URL or POSTGRES_USER says: on a machine that only
        serves, that already names the role.

        Raises:
            SettingsError: no database is configured.
        """
        dsn = self._owner_dsn()
        password = self._role_password(role)
        if role is None or password is None:
            return dsn
        return make_dsn(dsn, user=role.value, password=password.get_secret_value())

    def _owner_dsn(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        if self.postgres_host is None:
            raise SettingsError("no PostgreSQL: set DATABASE_URL or POSTGRES_HOST, or start everything with `make run`")
        password = self.postgres_password.get_secret_value() if self.postgres_password else None
        return make_dsn(
            host=self.postgres_host,
            port=self.postgres_port,
            dbname=self.postgres_db,
            user=self.postgres_user,
            password=password,
        )

    def _role_password(self, role: DatabaseRole | None) -> SecretStr | None:
        return {
            None: None,
            DatabaseRole.SERVER: self.server_db_password,
            DatabaseRole.TRAINER: self.trainer_db_password,
            DatabaseRole.AUDITOR: self.auditor_db_password,
            DatabaseRole.DESK: self.desk_db_password,
            DatabaseRole.MLFLOW: self.mlflow_db_password,
        }[role]
