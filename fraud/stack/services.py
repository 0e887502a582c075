"""The services of one machine, started in order and stopped in the reverse order."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import time
from http import HTTPStatus
from types import TracebackType
from typing import Final

from rich.console import Console

from fraud.api_keys import API_KEYS, SCORING_API_KEY, ApiKey, Role, new_key
from fraud.environment import SECRETS_FILE
from fraud.priority import give_way
from fraud.registry import PRODUCTION, Registry
from fraud.run_lock import hold
from fraud.settings import ADDRESSES_FILE, DatabaseRole, Settings, load_settings
from fraud.stack import mlflow_server
from fraud.stack.child import Child, ask
from fraud.stack.credentials import add_settings, generate_missing, write_private
from fraud.stack.errors import StackError
from fraud.stack.ports import hold_port
from fraud.stack.postgres import EmbeddedPostgres
from fraud.stack.summary import print_secrets
from fraud.stack.waiting import shown

STOP_TIMEOUT_S: Final = 30.0
MODEL_UNUSABLE: Final = b'"model_unusable"'
"""Code of the server's error when there is a model, and it can't be served (`serve/errors.py`)."""

# Settings without a default, which are generated if they are not set.
PASSWORDS: Final = (
    "admin_password",
    "server_db_password",
    "trainer_db_password",
    "auditor_db_password",
    "desk_db_password",
    "mlflow_db_password",
    "applicant_ref_key",
    "review_control_key",
)


OUR_CLIENT: Final = "local"
"""Name of the client that calls the server with the generated key."""


class Stack:
    """PostgreSQL, MLflow and the scoring server; what the settings name is used, what they don't is started."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._children: list[Child] = []
        self._postgres: EmbeddedPostgres | None = None
        self._addresses: dict[str, str] = {}
        self._at_end = contextlib.ExitStack()

    def __enter__(self) -> Stack:
        """Claim the run folder and the port; nothing is started yet.

        Raises:
            StackError: another stack has them.
        """
        self._claim_run_dir()
        self._claim_port()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what was started, the last first."""
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._console.print("Stopping ...")
        self._at_end.close()

    def start(self) -> None:
        """Start everything and return once the server is ready.

        Raises:
            StackError: a step fails; what was started before is stopped by `__exit__`.
        """
        begun = time.monotonic()
        self._fill_in_secrets()
        model_dir = self._settings.run_dir / "models" / self._settings.model_name
        if (model_dir / "current.json").exists():
            self._start_postgres()
            self._run_command("initdb")
            server = self._start_server()
            mlflow = self._start_mlflow()
        else:
            compiler = self._start_compiler()
            self._start_postgres()
            self._run_command("initdb", "--schema-only")  # with the login of MLflow, which starts beside the rest
            mlflow = self._start_mlflow()
            self._run_command("initdb")
            self._wait_for_mlflow(mlflow)
            self._train_first_model()
            self._wait_for_end(compiler)
            server = self._start_server()
        refuses = self._refuses_its_model(server)
        if not refuses:
            self._console.print(f"The server answers, {time.monotonic() - begun:.1f} s after the start.")
        self._wait_for_mlflow(mlflow)
        if refuses:
            self._replace_model(server, may_replace=mlflow is not None)

    def check(self) -> None:
        """Raise a StackError when a service has ended."""
        if self._postgres is not None:
            self._postgres.check()
        for child in self._children:
            child.check()

    def _claim_run_dir(self) -> None:
        run_dir = self._settings.run_dir
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            held = hold(run_dir)
        except OSError as error:
            raise StackError(f"{run_dir} can't be used ({error.strerror}): set RUN_DIR to a folder of yours") from None
        if not held:
            raise StackError(f"{run_dir} is in use by another `make run`: stop it first")
        # A stack that was killed could not take back the addresses of its services.
        (run_dir / ADDRESSES_FILE).unlink(missing_ok=True)
        self._settings = load_settings()

    def _claim_port(self) -> None:
        host, port = self._settings.serve_host, self._settings.serve_port
        try:
            hold_port(host, port)
        except OSError as error:
            advice = {
                errno.EADDRINUSE: "stop what listens there, or set SERVE_PORT",
                errno.EACCES: "set SERVE_PORT to 1024 or more",
            }.get(error.errno or 0, "set SERVE_HOST to an address of this machine")
            raise StackError(f"the server can't listen on {host}, port {port} ({error.strerror}): {advice}") from None

    def _fill_in_secrets(self) -> None:
        settings = self._settings
        missing = [name.upper() for name in PASSWORDS if getattr(settings, name) is None]
        path = settings.run_dir / SECRETS_FILE
        passwords, key = generate_missing(path, missing), _missing_key(settings)
        add_settings(path, key)
        secrets = passwords | {name: value for name, value in key.items() if name != API_KEYS}
        if secrets:
            print_secrets(self._console, secrets, path)
        if passwords or key:
            self._settings = load_settings()

    def _start_postgres(self) -> None:
        if self._settings.database_url is not None:
            return
        postgres = EmbeddedPostgres(self._settings.run_dir / "postgres")
        self._at_end.callback(postgres.stop)
        with shown(self._console, "Starting PostgreSQL ...") as tell:
            self._publish(DATABASE_URL=postgres.start(tell))
        self._postgres = postgres

    def _start_mlflow(self) -> mlflow_server.MlflowServer | None:
        if self._settings.mlflow_tracking_uri is not None:
            return None
        mlflow = mlflow_server.start_mlflow(
            metadata_dsn=self._settings.dsn(DatabaseRole.MLFLOW),
            artifact_dir=self._settings.run_dir / "artifacts",
            port=hold_port(),
            log_path=self._settings.run_dir / "logs" / "mlflow.log",
        )
        self._watch(mlflow.child)
        self._publish(MLFLOW_TRACKING_URI=mlflow.tracking_uri)
        return mlflow

    def _train_first_model(self) -> None:
        settings = self._settings
        with shown(self._console, "Asking the registry for a production model ..."):
            registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
            production = registry.version_of(PRODUCTION)
        if production is None:
            self._console.print("Training the first model ...")
            self._run_command("train", "--promote-first")

    def _refuses_its_model(self, server: Child) -> bool:
        """Wait for the server; False when it is ready, True when it says that no model can be served."""
        url = self._settings.server_url() + "/health/ready"
        refuses = False

        def has_decided() -> bool:
            nonlocal refuses
            answer = ask(url)
            refuses = answer is not None and MODEL_UNUSABLE in answer.body
            return refuses or (answer is not None and answer.status == HTTPStatus.OK)

        with shown(self._console, f"Waiting for {server.name} ...") as tell:
            server.wait_until(has_decided, f"answer at {url}", tell=tell)
        return refuses

    def _replace_model(self, server: Child, *, may_replace: bool) -> None:
        """Replace a model that an earlier version of this project has left: by itself, converted again, or by another.

        It stays registered, and no way that is named here touches the record.

        In a registry that is not ours alone, others may still serve it.
        """
        self._stop_watching(server)
        replacement = ("--promote-first", "--only-first")
        if not may_replace:
            raise StackError(
                f"the production model of the registry at {self._settings.mlflow_tracking_uri} can't be served by this "
                f"version; its reason is at the end of {server.log_path}. `python -m train {' '.join(replacement)}` "
                "converts it again, or trains another, and promotes that; all versions and the record stay"
            )
        self._console.print("The model of an earlier version can't be served any more; converting it again.")
        try:
            self._run_command("train", *replacement)
        except StackError as error:
            raise StackError(
                f"{error}; mend that, and start again: the record and the versions in {self._settings.run_dir} are as "
                "they were"
            ) from error
        server = self._start_server()
        if self._refuses_its_model(server):
            raise StackError(f"no model can be served; the reason is at the end of {server.log_path}")

    def _start_server(self) -> Child:
        log_path = self._settings.run_dir / "logs" / "server.log"
        server = Child("the scoring server", (sys.executable, "-m", "serve"), self._addresses, log_path)
        self._watch(server)
        return server

    def _wait_for_mlflow(self, mlflow: mlflow_server.MlflowServer | None) -> None:
        if mlflow is not None:
            with shown(self._console, f"Waiting for {mlflow.child.name} ...") as tell:
                mlflow.child.wait_until_answers(mlflow.health_url, tell=tell)

    def _start_compiler(self) -> Child:
        """Have the server's code compiled beside what comes before the server, a minute of work of one core."""
        log_path = self._settings.run_dir / "logs" / "compile.log"
        compiler = Child("the compiler", (sys.executable, "-m", "serve.compile"), {}, log_path, before_start=give_way)
        self._at_end.callback(compiler.stop, STOP_TIMEOUT_S)
        return compiler

    def _wait_for_end(self, compiler: Child) -> None:
        """Whatever came of it: the server compiles what is not there."""
        with shown(self._console, "Compiling the server's code ..."):
            compiler.wait()

    def _watch(self, child: Child) -> None:
        self._children.append(child)
        self._at_end.callback(child.stop, STOP_TIMEOUT_S)

    def _stop_watching(self, child: Child) -> None:
        self._children.remove(child)
        child.stop(STOP_TIMEOUT_S)

    def _run_command(self, part: str, *arguments: str) -> None:
        """Run another part's command to its end; its progress is shown here."""
        command = (sys.executable, "-m", part, *arguments)
        status = subprocess.run(command, env={**os.environ, **self._addresses}, check=False).returncode
        if status != 0:
            raise StackError(f"`python -m {' '.join(command[2:])}` ended with status {status}; it says why above")

    def _publish(self, **addresses: str) -> None:
        """Tell the other commands, started by us or by hand, where a service is for as long as it runs."""
        self._addresses |= addresses
        path = self._settings.run_dir / ADDRESSES_FILE
        write_private(path, (f"{name}='{value}'" for name, value in self._addresses.items()))
        self._at_end.callback(path.unlink, missing_ok=True)
        self._settings = load_settings()


def _missing_key(settings: Settings) -> dict[str, str]:
    """Settings that are generated so that our own clients may score, if nobody has set who may."""
    if settings.api_keys or not settings.asks_for_keys():
        return {}
    given = settings.client_key()
    key = given or new_key()
    entry = {API_KEYS: str(ApiKey.of(key, OUR_CLIENT, (Role.SCORE, Role.READ)))}
    return entry if given else {SCORING_API_KEY: key, **entry}
