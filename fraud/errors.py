"""Root of the project's exceptions.

Each part has an `errors.py` of its own whose classes descend from `ProjectError`; an entry point prints such an
error as one line and exits with status 2, while anything else is a crash and keeps its traceback.
"""


class ProjectError(Exception):
    """A fault that its reader can mend; the message says what is wrong and what to do."""


class SettingsError(ProjectError):
    """A setting is missing or has a value that it can't have."""


class FeatureFileError(ProjectError):
    """A file that declares no features, or features that can't be."""


class DatabaseError(ProjectError):
    """PostgreSQL does not answer, or refuses what was asked."""


class NewerDatabaseError(DatabaseError):
    """The database's schema is of a later version of this project; nothing was read from it or changed in it."""


class OtherFeaturesError(DatabaseError):
    """A database whose records hold other features than those that are declared."""


class EncodingError(DatabaseError):
    """A database whose encoding has no place for some characters."""


class RegistryError(ProjectError):
    """The model registry does not answer, or answers with an error: never to be read as "no model"."""


class ClusterError(ProjectError):
    """A Ray cluster can't be used, or lost too much of what ran on it."""
