"""Faults of the site itself."""

from fraud.errors import ProjectError


class SiteError(ProjectError):
    """The site could not be set up, or did not come back, so there is no result."""
