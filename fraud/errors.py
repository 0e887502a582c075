"""Root of the project's exceptions.

Each part has an `errors.py` of its own whose classes descend from `ProjectError`; an entry point prints such an
error as one line and exits with status 2, while anything else is a crash and keeps its traceback.
"""


class ProjectError(Exception):
    """An error that its reader can correct; the message says what is wrong and what to do."""


class SettingsError(ProjectError):
    """A setting is missing or has an invalid value."""


class FeatureFileError(ProjectError):
    """A file declares no features, or invalid ones."""


class DatabaseError(ProjectError):
    """PostgreSQL does not answer, or refuses what was asked."""


class NewerDatabaseError(DatabaseError):
    """The database's schema is of a later version of this project; nothing was read from it or changed in it."""


class OtherFeaturesError(DatabaseError):
    """A database's records have other features than the declared ones."""


class EncodingError(DatabaseError):
    """A database's encoding cannot represent all characters."""


class RegistryError(ProjectError):
    """The model registry does not answer, or answers with an error: never to be read as "no model"."""


class ClusterError(ProjectError):
    """A Ray cluster can't be used, or lost too much of what ran on it."""
