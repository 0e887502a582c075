"""The active model: loaded from a verified file, checked before it serves, replaced atomically."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from fraud.errors import ProjectError, RegistryError
from fraud.registry import PRODUCTION, ModelVersion, Registry
from serve.engine import Engine, EngineOptions, load_checked
from serve.engine.contributions import Contributions, load_contributions
from serve.errors import ModelUnusable, NoProductionModel, NotReady
from serve.model.model_store import Manifest, ModelStore, StoredModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model version, its engine, and its tables of contributions."""

    manifest: Manifest
    engine: Engine
    sha256: bytes
    contributions: Contributions | None
    """None for a version registered before reasons existed."""


class ServingModel:
    """Holds the model that answers requests. A request takes `active` once and keeps it until its answer."""

    def __init__(self, name: str, store: ModelStore, registry: Registry | None, options: EngineOptions) -> None:
        self.name = name
        self._store = store
        self._registry = registry
        self._options = options
        self._active: LoadedModel | None = None
        self._prepared: LoadedModel | None = None
        self._lapsed_after_s: float | None = None
        """The lease that has run out, if one has."""
        self._fault: str | None = None
        """Why the last loaded version can't be served."""
        self._local_fault: str | None = None
        """Why the local copy can't be served, while the registry may still have another version."""

    @property
    def active(self) -> LoadedModel:
        """The active model.

        Raises:
            NotReady: none is loaded yet; the registry may have one.
            ModelUnusable: the intended one can't be served.
        """
        if self._lapsed_after_s is not None:
            raise NotReady(
                f"the registry has not confirmed for {self._lapsed_after_s:g} s (MODEL_LEASE_S) that the version here "
                f"is in production: make sure that the server can reach it"
            )
        if self._active is None:
            if self._fault is not None:
                raise ModelUnusable(
                    f"{self._fault}: convert it again or train another (`python -m train --promote-first --only-first`)"
                )
            if self._local_fault is not None:
                raise NotReady(f"waiting for a model from the registry: {self._local_fault}")
            raise NotReady("no model is loaded: train one (`python -m train --promote-first`), then call /update-model")
        return self._active

    @property
    def version(self) -> int | None:
        """The active version; None before there is one."""
        return None if self._active is None else self._active.manifest.model_version

    @property
    def unconfirmed_s(self) -> float:
        """Time since the registry last confirmed the active version, seconds."""
        return self._store.unconfirmed_s()

    def confirm(self) -> None:
        """Note that the registry has just confirmed the active version."""
        try:
            self._store.confirm()
        except OSError as error:
            logger.warning("the registry's confirmation of the version can't be noted: %s", error)

    def keep_lease(self, lease_s: float) -> None:
        """Stop answering if the registry has not confirmed the version for `lease_s`; answer again once it has."""
        lapsed = self._store.unconfirmed_s() > lease_s
        if lapsed and self._lapsed_after_s is None:
            logger.critical("scoring has stopped: the registry has not confirmed the version for %g s", lease_s)
        self._lapsed_after_s = lease_s if lapsed else None

    def load_local(self) -> None:
        """Serve the verified local copy, if there is one; needs no registry. A copy that can't be served is not final
        while there is a registry to ask, since it may be older than production.
        """
        found = self._store.current()
        if found is None:
            return
        version = found.manifest.model_version
        try:
            self._active = self._load(found)
        except ProjectError as error:
            logger.error("the local copy, version %d, can't be served, asking the registry: %s", version, error)
            if self._registry is not None:
                self._fault, self._local_fault = None, self._fault
        else:
            logger.info("serving version %d from the local copy", version)

    def give_up_on_registry(self) -> None:
        """Assume that the registry will not return a model, so a local copy that can't be served is final."""
        self._fault = self._fault or self._local_fault

    def production_number(self) -> int | None:
        """Number of the registry's production version; None if there is none. Blocks on the network.

        Raises:
            RegistryError: it does not answer.
        """
        return self._asked_registry().number_of(PRODUCTION)

    def fetch_production(self) -> tuple[int, bool]:
        """Fetch a verified copy of the production version into the local store. Blocks on the network.

        Returns:
            The version, and whether it differs from the active one.

        Raises:
            RegistryError: the registry does not answer, or the download does not match the registration.
            NoProductionModel: the registry has no production version.
        """
        registry = self._asked_registry()
        version = registry.version_of(PRODUCTION)
        if version is None:
            raise NoProductionModel("the registry has no production model: promote one, then call again")
        return version.version, self._fetch(registry, version)

    def fetch_version(self, version: int) -> bool:
        """Fetch a verified copy of any version into the local store. Blocks on the network.

        Returns:
            Whether it differs from the active one.

        Raises:
            RegistryError: the registry does not answer, has no such version, or the download does not match the
                registration.
        """
        registry = self._asked_registry()
        return self._fetch(registry, registry.model_version(version))

    def prepare(self, version: int) -> None:
        """Load and check a version of the local store beside the active one.

        Raises:
            ModelStoreError, EngineError, GoldenRowsError: it can't be served.
        """
        stored = self._store.get(version)
        if self._active is not None and self._active.manifest == stored.manifest:
            return  # another request has changed to it meanwhile
        if self._prepared is None or self._prepared.manifest != stored.manifest:
            self._prepared = self._load(stored)

    def commit(self, version: int) -> None:
        """Make the prepared version active; requests in progress finish with the old one."""
        if self._prepared is not None and self._prepared.manifest.model_version == version:
            self._active = self._prepared
            logger.info("serving version %d", version)
        elif self.version != version:  # a worker that started late has loaded it already
            raise RuntimeError(f"version {version} was not prepared")
        self._prepared = None

    def abandon(self) -> None:
        """Drop the prepared version."""
        self._prepared = None

    def _asked_registry(self) -> Registry:
        if self._registry is None:
            raise RegistryError("no model registry is configured: set MLFLOW_TRACKING_URI")
        return self._registry

    def _fetch(self, registry: Registry, version: ModelVersion) -> bool:
        manifest = _manifest_of(version)
        if self._active is not None and self._active.manifest == manifest:
            return False
        self._store.add(manifest, lambda: registry.fetch_model(version), lambda: registry.fetch_contributions(version))
        return True

    def _load(self, stored: StoredModel) -> LoadedModel:
        manifest = stored.manifest
        version = manifest.model_version
        logger.info("loading version %d; if its code must be compiled, this takes a minute", version)
        try:
            with self._store.alone():  # the first process measures the plan, the others read it
                engine = load_checked(stored.model, self._options)
                contributions = self._load_contributions(stored)
        except ProjectError as error:
            self._fault = f"version {version} can't be served: {error}"
            raise
        self._fault = self._local_fault = None
        return LoadedModel(manifest, engine, bytes.fromhex(manifest.sha256), contributions)

    def _load_contributions(self, stored: StoredModel) -> Contributions | None:
        if stored.contributions is None:
            return None
        return load_contributions(stored.contributions, stored.model, self._options)


def _manifest_of(version: ModelVersion) -> Manifest:
    return Manifest(version.name, version.version, version.sha256, version.data_cutoff, version.contributions_sha256)
