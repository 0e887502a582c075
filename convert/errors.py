"""Why a model can't be converted or must not be registered."""

from typing import Final

from fraud.errors import ProjectError

EXIT_PARITY_FAILED: Final = 10
"""Exit status of a check that ran and failed, as everywhere in the project."""


class ConversionError(ProjectError):
    """A model, or the rows to prove it on, can't be used."""


class UnsupportedModelError(ConversionError):
    """The converted model would not be the trained one; `precondition` is the name of what does not hold."""

    def __init__(self, precondition: str, found: str, remedy: str) -> None:
        super().__init__(f"can't convert the model: {precondition}: {found}; {remedy}")
        self.precondition = precondition


class ParityError(ProjectError):
    """The converted model returns another margin or probability than XGBoost; the message shows the row."""
