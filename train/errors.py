"""Faults of training; each message names the cause and what to do."""

from fraud.errors import ProjectError


class DatasetError(ProjectError):
    """The table of applications can't be trained on."""


class TableMissingError(DatasetError):
    """The table does not exist: the database was not filled."""


class ColumnMissingError(DatasetError):
    """The table lacks a column that training reads."""


class EmptyTableError(DatasetError):
    """The table has no row."""


class CutoffError(DatasetError):
    """The cutoff lies before all rows."""


class MissingValueError(DatasetError):
    """A column has NULL, NaN or infinite values."""


class LabelError(DatasetError):
    """The label is neither 0 nor 1, or one class has no row."""


class TooFewDaysError(DatasetError):
    """The rows lie on too few days for three parts."""


class RecipeError(ProjectError):
    """A recipe can't be read, or names what is not there."""
