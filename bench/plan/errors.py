"""Faults that keep a plan from being made, or a policy from being adopted."""

from fraud.errors import ProjectError


class PlanError(ProjectError):
    """There is too little to plan from; the message says what to do."""


class AdoptionError(ProjectError):
    """The policy is not adopted; the message says what to do."""
