"""Every setting of the project, in one typed place; `python -m fraud` prints them as a table.

A value comes from the process's environment, else from `.env`, else from `<RUN_DIR>/.env` (generated secrets), else
from `<RUN_DIR>/stack.env` (addresses of the embedded services while they run), else from the default below. A
DATABASE_URL wins over POSTGRES_* wherever it stands; `fraud.overridden` says what comes of a file's. Only entry points
read settings; everything below them takes plain arguments.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import annotated_types
from dotenv import dotenv_values
from psycopg2.extensions import make_dsn
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fraud.api_keys import ApiKey, parse_api_keys
from fraud.confidential_address import is_confidential
from fraud.cores import usable_cores
from fraud.environment import DEFAULT_RUN_DIR, SECRETS_FILE, settle_environment
from fraud.errors import SettingsError
from fraud.mail_address import MailPlace, parse_mail_place
from fraud.networks import Network, parse_networks
from fraud.overridden import refuse_overridden
from fraud.run_lock import is_held
from fraud.secret_files import read_secret_files
from fraud.server_addresses import ServerAddress, parse_server_urls, resolve_servers, single_server
from fraud.statistics.review import REVIEW_CAPACITY

ADDRESSES_FILE: Final = "stack.env"
"""In the run folder: addresses of the embedded services, while they run."""

ANCHOR_SECRET_MIN: Final = 32
"""Characters of the key that signs anchors."""
MAY_HOLD_PASSWORDS: Final = frozenset(
    {"database_url", "anchor_url", "server_urls", "oidc_issuer", "oidc_client_secret", "notify_url", "notify_mail"}
)
"""Addresses and secrets that no message may quote."""
EMPTY_MEANS_NONE: Final = ("credit_ceiling",)
"""Settings whose default is a bound that can be taken away; any other that is left empty has its default."""

Port = Annotated[int, annotated_types.Interval(ge=1, le=65535)]
PositiveInt = Annotated[int, annotated_types.Gt(0)]
PositiveFloat = Annotated[float, annotated_types.Gt(0)]
Share = Annotated[float, annotated_types.Interval(gt=0, le=1)]
Ratio = Annotated[float, annotated_types.Ge(1)]
Allowance = Annotated[float, annotated_types.Interval(ge=0, le=1)]


class DatabaseRole(StrEnum):
    """A PostgreSQL login with no more rights than its program needs (`initdb/01_roles.sql`)."""

    SERVER = "scoring_server"
    TRAINER = "scoring_trainer"
    AUDITOR = "scoring_auditor"
    MLFLOW = "scoring_mlflow"
    DESK = "scoring_desk"


def _parse_api_keys(value: object) -> object:
    return parse_api_keys(value) if isinstance(value, str) else value


def _parse_networks(value: object) -> object:
    return parse_networks(value) if isinstance(value, str) else value


def _parse_server_urls(value: object) -> object:
    return parse_server_urls(value) if isinstance(value, str) else value


def parse_excluded(value: str) -> tuple[str, ...]:
    """Names that are comma-separated; `none`: no name."""
    names = tuple(name for part in value.split(",") if (name := part.strip()))
    return () if names == ("none",) else names


def _parse_excluded(value: object) -> object:
    return parse_excluded(value) if isinstance(value, str) else value


def _check_anchor_url(value: SecretStr) -> SecretStr:
    url = urlsplit(value.get_secret_value())
    is_folder = url.scheme == "file" and not url.netloc and url.path.startswith("/")
    if not is_folder and not _is_web_address(value.get_secret_value()):
        raise ValueError("expected file:///folder, http://address or https://address")
    return value


def _check_issuer(value: str) -> str:
    if not is_confidential(value) or "?" in value or "#" in value:
        raise ValueError("expected the https:// address that the provider calls its issuer")
    return value


def _is_web_address(value: str) -> bool:
    url = urlsplit(value)
    return url.scheme in {"http", "https"} and bool(url.hostname)


def _check_notify_url(value: SecretStr) -> SecretStr:
    if not _is_web_address(value.get_secret_value()):
        raise ValueError("expected http://address or https://address")
    return value


def _check_notify_mail(value: SecretStr) -> SecretStr:
    parse_mail_place(value.get_secret_value())
    return value


def _check_public_url(value: str) -> str:
    if not _is_web_address(value) or urlsplit(value).query:
        raise ValueError("expected http://address or https://address, without a query")
    return value.rstrip("/")


class Settings(BaseSettings):
    """The settings; a field's upper-case name is its environment variable."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    run_dir: Path = Field(DEFAULT_RUN_DIR, description="folder for data, secrets, models and logs of this machine")

    features_file: Path | None = Field(None, description="declares the features; unset = fraud/features.toml")

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

    applications_file: Path | None = Field(
        None, description="applications of your own, which the first start loads instead of reference applications"
    )
    applications_columns: dict[str, str] = Field(
        {}, description="names of its columns that differ from ours, as JSON: theirs to ours"
    )
    raw_table: Path | None = Field(
        None,
        description="the public Train_Dataset.csv, for a demonstration: dates and a new wave are made up; "
        "unset = generated rows",
    )
    reference_scale: float = Field(1.0, gt=0, le=1, description="share of the 214,000 reference applications to load")
    credit_ceiling: PositiveFloat | None = Field(
        25_000.0, description="reference applications are for less than this, EUR; empty = all of them"
    )
    data_seed: int = Field(20230501, ge=0, description="seed of the reference data")

    mlflow_tracking_uri: str | None = Field(None, description="MLflow address; unset = the embedded server")
    model_name: str = Field("divorce-model", description="registered model")
    model_watch_s: float = Field(
        5.0,
        ge=0,
        description="time from one look of a server at what the registry calls production to the next, seconds"
        "; 0 = only at its start and on /update-model",
    )
    model_lease_s: PositiveFloat | None = Field(
        None,
        description="longest time that a server answers without the registry's word that its version is in production, "
        "seconds; then 503; unset = for ever",
    )
    registry_timeout_s: PositiveInt = Field(10, description="longest wait for one registry call, seconds")

    today: dt.date = Field(
        default_factory=lambda: dt.datetime.now(dt.UTC).date(),
        description="applications from this day on are unknown to training (UTC day)",
        json_schema_extra={"default": "today"},
    )
    label_maturity_days: int = Field(
        0, ge=0, le=3650, description="a label counts only so many days after the application, in training and gate"
    )
    data_min_rows: PositiveInt = Field(1_000, description="fewest applications to train on; with fewer: inconclusive")
    data_min_positives: PositiveInt = Field(
        100, description="fewest divorces, and fewest other applications, to train on; with fewer: inconclusive"
    )
    data_min_label_rate: Share = Field(0.01, description="data-quality fault below this share of divorces")
    data_max_label_rate: Share = Field(0.5, description="data-quality fault above this share of divorces")
    data_max_duplicate_share: Allowance = Field(0.01, description="data-quality fault above this share of copied rows")
    data_max_atypical_share: Allowance = Field(
        0.2, description="data-quality fault when more values of a feature lie outside of what is typical of it"
    )
    data_max_age_days: PositiveInt | None = Field(
        None, description="data-quality fault when the newest application is older, days; unset = any age"
    )
    excluded_features: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_parse_excluded)] = Field(
        None,
        description="features on which no model splits, comma-separated; `none` = use all; unset = as the version in "
        "production",
    )
    train_seed: int = Field(7, ge=0, description="seed of training")
    train_threads: PositiveInt = Field(
        default_factory=usable_cores,
        description="threads of training",
        json_schema_extra={"default": "all cores"},
    )

    start_standstill_s: PositiveFloat = Field(
        120.0, description="`make run` gives up on a service that starts without any progress for so long, seconds"
    )

    serve_host: str = Field("127.0.0.1", description="address that the server listens on")
    serve_port: Port = Field(8000, description="port that the server listens on")
    server_urls: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_server_urls)] = Field(
        (),
        description="addresses of all servers, comma-separated, for gate and retraining; a name stands for each of its "
        "addresses; unset = SERVE_HOST and SERVE_PORT",
        json_schema_extra={"default": "-"},
    )
    ssl_certfile: Path | None = Field(None, description="certificate chain (PEM); with it the server speaks HTTPS only")
    ssl_keyfile: Path | None = Field(None, description="private key of SSL_CERTFILE (PEM, without a password)")
    admin_user: str = Field("admin", description="user of /update-model and /mlflow/")
    admin_password: SecretStr | None = Field(None, description="password of ADMIN_USER")
    authentication: Literal["on", "off"] = Field("on", description="off: everybody may score, without an API key")
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode, BeforeValidator(_parse_api_keys)] = Field(
        (),
        description="keys that a server knows without the database, as `make run` writes them: see Who may call",
        json_schema_extra={"default": "-"},
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_parse_networks)] = Field(
        (),
        description="addresses and networks of proxies, comma-separated, whose `X-Forwarded-For` or `Forwarded` counts",
        json_schema_extra={"default": "-"},
    )
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
    scoring_api_key: SecretStr | None = Field(None, description="key that our own clients send (bench, replay)")
    engine: Literal["auto", "onnxruntime", "forest"] = Field(
        "auto", description="what runs the trees; auto = the fastest for each batch size, once proved equal"
    )
    compiled_dir: Path | None = Field(
        None, description="folder of the compiled code, writable by the server alone; unset = <RUN_DIR>/compiled"
    )
    serve_workers: PositiveInt = Field(
        default_factory=usable_cores,
        description="server processes on the port",
        json_schema_extra={"default": "all cores"},
    )
    scoring_threads: PositiveInt | None = Field(
        None, description="threads of each server process that score large batches; unset = cores / SERVE_WORKERS"
    )
    max_batch_rows: PositiveInt = Field(100_000, description="most rows in one request")
    max_body_bytes: PositiveInt = Field(64 * 1024 * 1024, description="largest request body, bytes")
    max_rows_in_flight: PositiveInt = Field(
        400_000, description="most rows that a server process works on at a time; beyond it requests are refused (503)"
    )
    max_wait_ms: PositiveFloat = Field(
        500.0,
        description="longest wait of a batch for its turn, milliseconds; then 503; of small requests shares of it",
    )
    max_bytes_in_flight: PositiveInt = Field(
        128 * 1024 * 1024, description="most bytes of bodies that a server process holds; beyond it 503"
    )
    max_connections: PositiveInt = Field(
        10_000, description="most connections that a server process keeps open; beyond it 503"
    )
    rate_limit_requests_per_s: PositiveFloat | None = Field(
        None, description="most requests a second of each client, over all workers; beyond it 429"
    )
    rate_limit_rows_per_s: PositiveFloat | None = Field(
        None, description="most rows a second of each client, over all workers; beyond it 429"
    )
    read_timeout_s: PositiveFloat = Field(
        20.0, description="time for a request to arrive, seconds; a body gets one more for each 16 kB of it"
    )
    drain_timeout_s: PositiveInt = Field(20, description="longest wait for open requests at a stop, seconds")

    spool_dir: Path | None = Field(
        None, description="folder where predictions wait for the database; unset = RUN_DIR/spool"
    )
    spool_max_bytes: PositiveInt = Field(
        8 * 1024**3, description="most that may wait there, bytes; beyond it requests are refused (503)"
    )
    audit_sync: Literal["os", "interval", "always"] = Field(
        "interval", description="when a prediction is forced to the disk: see The record"
    )
    idempotency_hours: PositiveFloat = Field(
        24.0, description="time for which a request with the same Idempotency-Key gets the same answer, hours"
    )
    idempotency_max_bytes: PositiveInt = Field(
        1024**3, description="most that answers under an Idempotency-Key take; beyond it such requests get 503"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="form of the server's log lines; auto = for people on a terminal, else JSON"
    )
    log_flush_interval_ms: PositiveFloat = Field(100.0, description="time that predictions gather, milliseconds")
    log_retention_months: PositiveInt = Field(24, description="full months that predictions are kept in the database")
    applicant_ref_key: SecretStr | None = Field(
        None, description="key under which `applicant_ref` is kept; losing it makes erasure impossible"
    )
    audit_key: SecretStr | None = Field(None, description="key that signs the anchors of the record: see The record")
    audit_key_file: Path | None = Field(None, description="file with that key, in place of AUDIT_KEY")
    anchor_url: Annotated[SecretStr, AfterValidator(_check_anchor_url)] | None = Field(
        None, description="where anchors are sent as well, each minute: file:///folder, http:// or https:// address"
    )
    review_control_key: SecretStr | None = Field(
        None, description="key that draws the control sample of reviews; losing it, nobody can tell who was drawn"
    )
    review_control_share: Share | Literal[0] = Field(
        0.01, description="share of all other applications that a new review policy has reviewed as a control sample"
    )
    desk_due_days: PositiveInt = Field(14, description="days after an answer in which its case is to be decided")
    desk_blind_first: bool = Field(
        True, description="officers note a first view of a case before they see its probability"
    )
    applicant_ref_old_keys: SecretStr | None = Field(
        None, description="keys that it was kept under before, comma-separated; persons are still found under them"
    )
    shadow_alias: str | None = Field(
        None,
        description="alias of the registry whose version scores what was answered as well, such as `candidate`: see "
        "Shadow a candidate; unset = none",
    )
    shadow_share: Share = Field(0.1, description="share of the requests that it scores")

    public_url: Annotated[str, AfterValidator(_check_public_url)] | None = Field(
        None, description="address at which people reach the pages, for links in notices; unset = the server's own"
    )
    notify_url: Annotated[SecretStr, AfterValidator(_check_notify_url)] | None = Field(
        None, description="address that is told of changed verdicts and alerts, by POST: see Notices"
    )
    notify_key: SecretStr | None = Field(None, description="key that signs what is sent to NOTIFY_URL")
    notify_mail: Annotated[SecretStr, AfterValidator(_check_notify_mail)] | None = Field(
        None,
        description="who is told by mail: smtps://user:password@host:465/?from=ADDRESS&to=ADDRESS,ADDRESS; "
        "smtp+starttls:// as well",
    )

    drift_window: PositiveInt = Field(7, description="full days that a drift check looks at, beside the last one alone")
    drift_min_samples: PositiveInt = Field(
        1_000, description="fewest applications of a window to tell; with fewer: inconclusive"
    )
    drift_alpha: float = Field(
        0.001, gt=0, lt=0.5, description="share of windows without any change that are called drift, over all variables"
    )
    psi_threshold: float = Field(0.02, ge=0, description="PSI below which a significant change is let pass")
    psi_thresholds: dict[str, Annotated[float, annotated_types.Ge(0)]] = Field(
        {}, description="the same for some variables by name, as JSON"
    )
    drift_reference: Literal["recent", "training"] = Field(
        "recent", description="part that features are compared with: the newest fifth, or all that is older"
    )
    drift_own_version_only: bool = Field(
        False, description="check only applications that the version in production answered"
    )
    drift_cooldown_days: int = Field(7, ge=0, description="days from one retraining because of drift to the next")

    gate_rule: Literal["superior", "better", "noninferior"] = Field(
        "superior", description="what the candidate's AUC-PR must be beside the champion's to be promoted"
    )
    gate_level: float = Field(0.01, gt=0, lt=0.5, description="share of equal models that one gate may promote")
    gate_margin: Share = Field(0.005, description="loss of AUC-PR that GATE_RULE=noninferior, and a refresh, accept")
    gate_refresh: bool = Field(
        True, description="where a candidate is rejected, fit the champion's recipe again and ship it if not inferior"
    )
    gate_min_positives: PositiveInt = Field(
        100, description="fewest divorces, and fewest other applications, to judge on; with fewer: inconclusive"
    )
    gate_review_capacity: Share = Field(
        REVIEW_CAPACITY, description="share of applications that officers can review, for the gate's figures"
    )
    gate_max_brier_rise: Allowance | None = Field(None, description="veto above this rise of the Brier score")
    gate_max_precision_loss: Allowance | None = Field(None, description="veto above this loss at the review capacity")
    gate_max_recall_loss: Allowance | None = Field(None, description="veto above this loss at the review capacity")
    gate_max_slice_loss: Allowance | None = Field(
        None, description="veto above this loss of AUC-PR in any group of one feature"
    )
    gate_max_flip_share: Allowance | None = Field(
        None, description="veto above this share of applications that only one of the two models has reviewed"
    )
    gate_max_fpr_ratio: Ratio | None = Field(
        None,
        description="veto where a group is wrongly reviewed so many times as often as all others, and more so than by "
        "the champion",
    )
    gate_max_selection_ratio: Ratio | None = Field(
        None,
        description="veto where a group is reviewed so many times as often as all others, and more so than by the "
        "champion",
    )
    gate_latency_ratio: float = Field(
        1.1, ge=1, description="refuse a candidate whose latency is significantly above this share of the champion's"
    )
    gate_too_noisy_ratio: float = Field(
        2.0,
        gt=1,
        description="measure on while a latency ratio of this size can't be ruled out; in the end: inconclusive",
    )
    gate_p99_ms: dict[Literal["single", "batch_100", "batch_1000", "batch_10000"], PositiveFloat] = Field(
        {"single": 50.0, "batch_100": 100.0, "batch_1000": 250.0, "batch_10000": 1000.0},
        description="most p99 of a candidate by kind of request, milliseconds, as JSON; what it does not name is free",
    )
    gate_window_s: PositiveFloat = Field(
        2.0, description="time for which one server is loaded before the other, seconds"
    )
    gate_min_pairs: PositiveInt = Field(8, description="pairs of windows that the gate measures at least")
    gate_max_pairs: PositiveInt = Field(24, description="pairs of windows after which the gate gives up")
    gate_load_processes: PositiveInt = Field(1, description="Locust processes that share the gate's load")

    retrain_tries: PositiveInt = Field(
        3,
        description="measurements of one retraining's gate while the machine is too busy to tell, and retrainings for "
        "one drift while nothing is decided",
    )
    retrain_pause_s: float = Field(600.0, ge=0, description="time from one such measurement to the next, seconds")

    schedule_drift: str = Field("0 1 * * *", description="when `jenkins.schedule` checks for drift, as cron, UTC")
    schedule_retrain: str = Field("0 3 1 * *", description="when `jenkins.schedule` retrains, as cron, UTC")
    schedule_rewrite: str = Field(
        "0 4 * * *", description="quiet hour in which `jenkins.schedule` rewrites what was erased, as cron, UTC"
    )

    acting_person: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="name for promotions and rollbacks on record; unset = who is logged in on the machine",
    )

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

    def administrator_password(self) -> str:
        """Password of ADMIN_USER.

        Raises:
            SettingsError: none is set; there is no default.
        """
        if self.admin_password is None:
            raise SettingsError("ADMIN_PASSWORD is not set: choose one, or start everything with `make run`")
        return self.admin_password.get_secret_value()

    def anchor_secret(self) -> bytes | None:
        """What signs anchors; None if nothing is to.

        Raises:
            SettingsError: it can't be read, or is too short to be a key.
        """
        if self.audit_key_file is None:
            return None if self.audit_key is None else _long_enough("AUDIT_KEY", self.audit_key.get_secret_value())
        if self.audit_key is not None:
            raise SettingsError("AUDIT_KEY and AUDIT_KEY_FILE are both set: only one of them can be the key")
        return read_secret_file("AUDIT_KEY_FILE", self.audit_key_file)

    def notice_secret(self) -> bytes:
        """What signs notices that are sent to NOTIFY_URL.

        Raises:
            SettingsError: it is not set, or too short to be a key.
        """
        if self.notify_key is None:
            raise SettingsError("NOTIFY_KEY is not set, and what is sent to NOTIFY_URL has to be signed")
        return _long_enough("NOTIFY_KEY", self.notify_key.get_secret_value())

    def mail_place(self) -> MailPlace | None:
        """Where notices are mailed; None if nowhere."""
        return None if self.notify_mail is None else parse_mail_place(self.notify_mail.get_secret_value())

    def pages_url(self) -> str:
        """Where people reach the pages."""
        return self.public_url or self.server_url()

    def control_secret(self) -> bytes | None:
        """What draws the control sample of reviews; None if nothing does.

        Raises:
            SettingsError: it is too short to be a key.
        """
        key = self.review_control_key
        return None if key is None else _long_enough("REVIEW_CONTROL_KEY", key.get_secret_value())

    def asks_for_keys(self) -> bool:
        """Whether scoring takes an API key."""
        return self.authentication == "on"

    def client_key(self) -> str | None:
        """The plain key that our own clients send; None if they are to send none."""
        return None if self.scoring_api_key is None else self.scoring_api_key.get_secret_value()

    def tracking_uri(self) -> str:
        """Address of the MLflow tracking server.

        Raises:
            SettingsError: none is configured.
        """
        if self.mlflow_tracking_uri is None:
            raise SettingsError("no MLflow server: set MLFLOW_TRACKING_URI, or start everything with `make run`")
        return self.mlflow_tracking_uri

    def ref_keys(self) -> tuple[str | None, list[str]]:
        """The key under which `applicant_ref` is kept, if there is one, and those that it was before."""
        newest = self.applicant_ref_key.get_secret_value() if self.applicant_ref_key else None
        given = self.applicant_ref_old_keys.get_secret_value() if self.applicant_ref_old_keys else ""
        return newest, [key for part in given.split(",") if (key := part.strip())]

    def spool_folder(self) -> Path:
        """Where predictions wait for the database."""
        return self.spool_dir or self.run_dir / "spool"

    def threads_of_each(self, workers: int) -> int:
        """Scoring threads of one of so many server processes: all together no more than cores, unless set."""
        return self.scoring_threads or max(1, usable_cores() // workers)

    def compiled_folder(self) -> Path:
        """Where compiled code is kept between starts."""
        return self.compiled_dir or self.run_dir / "compiled"

    def server_url(self) -> str:
        """Address of the scoring server as a client on this machine writes it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.serve_host, self.serve_host)  # noqa: S104 - replaced
        host = f"[{host}]" if ":" in host else host
        return f"{'http' if self.ssl_certfile is None else 'https'}://{host}:{self.serve_port}"

    def server_addresses(self) -> tuple[ServerAddress, ...]:
        """Every server that answers with the model, as names resolve at this moment.

        Raises:
            AddressError: a name has no address.
        """
        return resolve_servers(self.server_urls) if self.server_urls else (single_server(self.server_url()),)

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


def load_settings() -> Settings:
    """Read the settings once, at the edge, and settle the rest of the environment (`settle_environment`).

    Raises:
        SettingsError: one line that names the variable, its value (never of a secret) and what was expected; a file
            that can't be read; or another database in the environment than in a file.
    """
    settle_environment()
    run_dir = Path(os.environ.get("RUN_DIR") or DEFAULT_RUN_DIR)
    # The addresses are those of a stack that runs; one that was killed could not remove them.
    addresses = (run_dir / ADDRESSES_FILE,) if is_held(run_dir) else ()
    files = (*addresses, run_dir / SECRETS_FILE, Path(".env"))
    for file in files:
        _check_readable(file)
    refuse_overridden(os.environ, files[::-1])
    emptied = {name: None for name in EMPTY_MEANS_NONE if _is_emptied(name.upper(), files)}
    given = {**emptied, **read_secret_files(os.environ, _secrets())}
    try:
        return Settings(_env_file=files, **given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None


def _secrets() -> list[str]:
    """Settings that may be files; AUDIT_KEY has a setting of its own for that."""
    fields = Settings.model_fields
    return [name for name in fields if "SecretStr" in str(fields[name].annotation) and f"{name}_file" not in fields]


def _is_emptied(variable: str, files: tuple[Path, ...]) -> bool:
    """Whether the place that decides about a variable leaves it empty."""
    places: tuple[Mapping[str, str | None], ...] = (os.environ, *(dotenv_values(file) for file in reversed(files)))
    return next((place[variable] for place in places if variable in place), None) == ""


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


def read_secret_file(name: str, path: Path) -> bytes:
    """The key in a file, which the setting or option `name` names.

    Raises:
        SettingsError: it can't be read, or is too short to be a key.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
        raise SettingsError(f"{name}={path} can't be read: {reason}") from None
    return _long_enough(f"{name}={path}", secret)


def _long_enough(name: str, secret: str) -> bytes:
    if len(secret) < ANCHOR_SECRET_MIN:
        raise SettingsError(f"{name}: expected {ANCHOR_SECRET_MIN} characters or more, as by `openssl rand -hex 32`")
    return secret.encode()


def _one_line(error: ValidationError) -> str:
    faults = []
    for fault in error.errors():
        name = str(fault["loc"][0])
        # A key that stands where its entry should is no less a secret.
        secret = "password" in name or name.endswith(("key", "keys")) or name in MAY_HOLD_PASSWORDS
        value = "" if secret else f"={fault['input']!r}"
        faults.append(f"{name.upper()}{value}: {fault['msg']}")
    return "; ".join(faults) + " (`python -m fraud` lists the settings)"
