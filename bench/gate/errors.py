"""Faults that keep the gate from deciding; none of them promotes anything."""

from typing import Final

from fraud.errors import ProjectError

MEASURE_AGAIN: Final = "`python -m bench gate` measures again"
"""Works after any gate that promoted nobody: the candidate is registered still."""


class GateError(ProjectError):
    """The gate can't decide; the message names the cause and what to do."""


class ProbabilityError(GateError):
    """A registered model returns something that is no probability."""


class DeploymentError(GateError):
    """The running server does not serve the version that it should."""


class UnreachableError(DeploymentError):
    """A server does not answer, or can't reach the registry: it may be asked later, or switch by itself."""


class AtWorkError(GateError):
    """Somebody else does the same just now."""
