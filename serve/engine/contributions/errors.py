"""Errors of a model's tables of contributions."""

from serve.engine.errors import EngineError


class ContributionsError(EngineError):
    """The tables are damaged, of another model, or do not add up to the model's answers."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"the table of contributions can't be used: {fault}")
