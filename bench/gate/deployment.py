"""All running servers of one model as an operator sees them: they prepare a version, then all switch to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from bench.gate.errors import DeploymentError, UnreachableError
from bench.gate.server import Server
from fraud.settings import Settings
from fraud.settings.access import ADMIN_USER
from fraud.verdict import Verdict

logger = logging.getLogger(__name__)

ASKED_AT_ONCE: Final = 32

Deploy = Annotated[
    bool,
    typer.Option(
        help="Make running servers switch their model. A server that does not run takes the version when it starts."
    ),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking one server."""

    server: Server
    fault: DeploymentError | None

    @property
    def verdict(self) -> Verdict:
        """An error where the server could not be asked; a failure where it said no."""
        if self.fault is None:
            return Verdict.PASS
        return Verdict.ERROR if isinstance(self.fault, UnreachableError) else Verdict.FAIL


@dataclass(frozen=True, slots=True)
class Deployment:
    """Every server that answers with the model, one for each address."""

    servers: tuple[Server, ...]

    def prepare(self, version: int, *, without_missing: bool = False) -> None:
        """Have every server load and check a version beside the one that it serves; nothing changes yet.

        Where one does not, those that did drop it.

        Args:
            version: of the registered model.
            without_missing: go on without servers that do not answer, as long as one does.

        Raises:
            DeploymentError: a server does not answer, or can't serve it.
        """
        answers = self.ask_each(lambda server: server.prepare(version))
        missing = [answer for answer in answers if answer.verdict is Verdict.ERROR]
        against = [answer for answer in answers if answer.verdict is Verdict.FAIL]
        if against or len(missing) == len(answers) or (missing and not without_missing):
            self._drop_prepared(answer.server for answer in answers if answer.fault is None)
            raise DeploymentError(f"nothing was changed: {_faults(against + missing)}")

    def switch(self, version: int) -> tuple[str, ...]:
        """Have every server serve this version, which the registry calls production by now.

        Returns:
            A line for each server that did not confirm it: it is away, and looks into the registry by itself.

        Raises:
            DeploymentError: a server is against it, or none confirmed it.
        """

        def change(server: Server) -> None:
            server.update()
            server.verify(version)

        answers = self.ask_each(change)
        missing = [answer for answer in answers if answer.verdict is Verdict.ERROR]
        against = [answer for answer in answers if answer.verdict is Verdict.FAIL]
        if against or len(missing) == len(answers):
            raise DeploymentError(_faults(against or missing))
        return tuple(str(answer.fault) for answer in missing)

    def return_to_production(self) -> None:
        """Make all servers switch back to the registry's production version; an unreachable one can't be asked."""
        for answer in self.ask_each(lambda server: server.update()):
            if answer.fault is not None:
                logger.error("a server can't be told to keep the old version: %s", answer.fault)

    def ask_each(self, question: Callable[[Server], None]) -> list[Answer]:
        """Ask all servers at once; `question` raises DeploymentError."""
        with ThreadPoolExecutor(min(ASKED_AT_ONCE, len(self.servers))) as pool:
            return list(pool.map(lambda server: Answer(server, _fault(question, server)), self.servers))

    def _drop_prepared(self, servers: Iterable[Server]) -> None:
        """Free what was prepared: production is what it was, so this changes nothing else."""
        for server in servers:
            try:
                server.update()
            except DeploymentError as error:
                logger.warning("a server keeps a prepared version in memory until its next update: %s", error)


def deployment_of(settings: Settings) -> Deployment:
    """The servers that the settings name, as many as their names have addresses at this moment.

    Raises:
        SettingsError: the administrator's password is not set.
        AddressError: a name can't be looked up.
    """
    login = ADMIN_USER, settings.administrator_password(), settings.client_key()
    return Deployment(tuple(Server(address, *login) for address in settings.server_addresses()))


def _fault(question: Callable[[Server], None], server: Server) -> DeploymentError | None:
    try:
        question(server)
    except DeploymentError as error:
        return error
    return None


def _faults(answers: Iterable[Answer]) -> str:
    return "; ".join(str(answer.fault) for answer in answers)
