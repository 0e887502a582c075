"""The shadow version: the one under an alias of the registry, followed when the alias moves."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fraud.errors import ProjectError, RegistryError
from fraud.registry import ModelVersion, Registry
from serve.engine import Engine, EngineOptions, load_checked
from serve.model.model_store import Manifest, ModelStore
from serve.shadow.metrics import ShadowMetrics
from serve.shadow.state_file import StateFile
from serve.shadow.told_once import ToldOnce

logger = logging.getLogger(__name__)

LOOK_INTERVAL_S: Final = 15.0
"""Interval of polling, for changes without a call of `/update-model`."""
POLL_INTERVAL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class ShadowVersion:
    """The shadow version and its engine."""

    manifest: Manifest
    engine: Engine

    @property
    def sha256(self) -> bytes:
        """SHA-256 of its `model.onnx`."""
        return bytes.fromhex(self.manifest.sha256)


class ShadowModel:
    """Follows an alias. `run` it in its own thread: the registry may hang, and compiling takes a minute. It has its own
    store, since loading from the servers' store would make starting servers wait.
    """

    def __init__(
        self,
        alias: str,
        *,
        registry: Registry | None,
        folder: Path,
        options: EngineOptions,
        state: StateFile,
        metrics: ShadowMetrics,
    ) -> None:
        """Makes no request yet; verified copies are stored in `folder`."""
        self._alias = alias
        self._registry = registry
        self._folder = folder
        self._options = options
        self._state = state
        self._metrics = metrics
        self._told = ToldOnce(f"the shadow's model ({alias})")
        self._unfit: Manifest | None = None
        """The version that could not be loaded last; it is tried again on request."""
        self.active: ShadowVersion | None = None
        """Replaced atomically: read it once, and use that value throughout."""

    def run(self, stop: threading.Event) -> None:
        """Follow the alias until `stop`."""
        self._tell(None, "it has not started yet")
        asked, due_at = self._state.last_asked(), time.monotonic()
        while not stop.is_set():
            if (now_asked := self._state.last_asked()) != asked:
                asked, due_at, self._unfit = now_asked, time.monotonic(), None
            if time.monotonic() >= due_at:
                self.look()
                due_at = time.monotonic() + LOOK_INTERVAL_S
            stop.wait(POLL_INTERVAL_S)

    def look(self) -> None:
        """Load the alias's current version; failures are logged, and nothing is raised."""
        try:
            version = self._connected_registry().version_of(self._alias)
        except RegistryError as error:  # keep the current shadow version: each row names its version
            self._fail("registry", str(error))
            return
        if version is None:
            self.active = None
            self._fail("alias", f"the registry has no version under the alias {self._alias!r}")
            return
        manifest = Manifest(version.name, version.version, version.sha256, version.data_cutoff)
        if manifest == self._unfit:
            return
        if self.active is None or self.active.manifest != manifest:
            self._take_over(version, manifest)
        else:
            self._told.works()

    def _take_over(self, version: ModelVersion, manifest: Manifest) -> None:
        try:
            store = ModelStore(self._folder)
            store.add(manifest, lambda: self._connected_registry().fetch_model(version))
            stored = store.get(manifest.model_version)
            with store.alone():  # another server of this machine may be loading it too
                engine = load_checked(stored.model, self._options)
        except (ProjectError, OSError) as error:
            self.active = None
            # A failed fetch may succeed next time; an invalid model stays invalid.
            self._unfit = None if isinstance(error, RegistryError) else manifest
            self._fail(
                f"version {manifest.model_version}",
                f"version {manifest.model_version} can't be used as a shadow: {error}",
            )
            return
        self.active = ShadowVersion(manifest, engine)
        self._told.works()
        self._tell(manifest.model_version)
        logger.info("version %d is the shadow", manifest.model_version)

    def _connected_registry(self) -> Registry:
        if self._registry is None:
            raise RegistryError("no model registry is configured: set MLFLOW_TRACKING_URI")
        return self._registry

    def _fail(self, kind: str, reason: str) -> None:
        self._metrics.faults.inc()
        self._told.fault(kind, reason)
        self._tell(None if self.active is None else self.active.manifest.model_version, reason)

    def _tell(self, model_version: int | None, fault: str | None = None) -> None:
        self._metrics.model_version.set(model_version or 0)
        self._state.write(model_version, fault)
