"""The reference of a check: the profile of the version in production, verified, with its bins in the database."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from psycopg2.extensions import connection as Connection

from fraud.reference_profile import PROFILE_FILE, ReferenceProfile, ReferenceProfileError
from fraud.registry import PRODUCTION, PROFILE_SHA256_TAG, ModelVersion, Registry
from jenkins.drift.errors import DriftError

_BINS: Final = """
    SELECT variable, thresholds FROM drift_bins
    WHERE model_sha256 = decode(%s, 'hex') AND model_version = %s ORDER BY number
"""


def production_version(registry: Registry) -> ModelVersion:
    """The version whose answers are checked.

    Raises:
        DriftError: there is none.
        RegistryError: the registry does not say.
    """
    version = registry.version_of(PRODUCTION)
    if version is None:
        raise DriftError(f"no version of {registry.model_name} is in production: nothing to compare with")
    return version


def load_profile(registry: Registry, version: ModelVersion) -> ReferenceProfile:
    """The version's profile, which is the one that was registered, and this model's.

    Raises:
        ReferenceProfileError: it is another one, or the version has none.
        RegistryError: the registry does not give it.
    """
    expected = version.tags.get(PROFILE_SHA256_TAG)
    if expected is None:
        raise ReferenceProfileError(
            f"version {version.version} of {version.name} has no reference profile: train and promote a new one"
        )
    with tempfile.TemporaryDirectory() as folder:
        data = registry.download_file(version, PROFILE_FILE, Path(folder)).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise ReferenceProfileError(
            f"{PROFILE_FILE} of version {version.version} has SHA-256 {found}, not the {expected} that was registered: "
            "find out who changed the artifact store"
        )
    profile = ReferenceProfile.from_json(data)
    if profile.model_sha256 != version.sha256:
        raise ReferenceProfileError(f"the reference profile of version {version.version} belongs to another model")
    return profile


def check_bins(connection: Connection, version: ModelVersion, profile: ReferenceProfile) -> None:
    """See to it that applications are counted in the profile's bins.

    Raises:
        DriftError: the database has others, or none.
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BINS, (version.sha256, version.version))
        stored = cursor.fetchall()
    # PostgreSQL prints a real as the shortest number that is read as the same float32.
    found = [(name, np.array(thresholds, np.float32).tolist()) for name, thresholds in stored]
    if found != [(variable.name, variable.thresholds) for variable in profile.variables]:
        state = "other bins" if stored else "no bins"
        raise DriftError(
            f"the table drift_bins has {state} for version {version.version}: this is not the database that it was "
            "registered with; set DATABASE_URL, or train and promote a new version"
        )
