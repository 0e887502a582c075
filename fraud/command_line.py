"""What every `python -m ...` of this project shares: how it reads its arguments and reports a wrong one.

A wrong argument is one line that names it and what was expected, with exit status 2, as any other fault that its reader
can mend (`fraud.command`). With `--help` a command does nothing else, whatever follows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import typer
from pydantic import ValidationError
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from fraud.command import EXIT_ERROR, print_error
from fraud.errors import ProjectError
from fraud.foreign_errors import FOREIGN_ERRORS, told

_NUMBERS: Final = {int: "a whole number", float: "a number"}
_DATE_FORMS: Final = {"%Y-%m-%d": "YYYY-MM-DD"}


# Typer keeps a Click of its own, whose types it does not export.
def _in_plain_words(params: list[Any]) -> list[Any]:
    """A flag takes no value, so the help names no type of one; a date is shown as people write its form."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
        elif param.type_descriptor.is_datetime:
            param.metavar = "|".join(_date_forms(param.type_descriptor))
    return params


def _date_forms(descriptor: Any) -> list[str]:
    return [_DATE_FORMS.get(form, form) for form in descriptor.parameter_info.formats or ()]


def _run(call: Callable[[], Any]) -> None:
    """End the process with what a command returns, or with one line about what was wrong."""
    try:
        status = call()
    except TyperException as error:
        print_error(_line(error))
        status = EXIT_ERROR
    except typer.Abort:
        print_error("the question was not answered with yes: nothing was done")
        status = EXIT_ERROR
    except (ProjectError, *FOREIGN_ERRORS) as error:
        print_error(told(error))
        status = EXIT_ERROR
    sys.exit(status if isinstance(status, int) else 0)


def _line(error: TyperException) -> str:
    context, param = getattr(error, "ctx", None), getattr(error, "param", None)
    hint = "" if context is None else f" (see `{context.command_path} --help`)"
    if isinstance(error.__cause__, ValidationError) and param is not None:
        given = error.__cause__.errors()[0]["input"]
        return f"{_name(param)}: expected {expected(param)}, not {given!r}{hint}"
    named = getattr(error, "param_hint", None) or (param and _name(param))
    if named is not None and error.message:
        return f"{named}: {error.message}{hint}"
    line = " ".join(error.format_message().split()).removesuffix(".")
    line = f"{line[:1].lower()}{line[1:]}"
    if context is not None and line.startswith(("missing command", "no such command")):
        line = f"{line}: expected one of {', '.join(context.command.list_commands(context))}"
    return line + hint


def _name(param: Any) -> str:
    return str(param.display_name_raw if param.param_type_name == "argument" else param.opts[0])


def expected(param: Any) -> str:
    """What a parameter takes, in words."""
    descriptor = param.type_descriptor
    if descriptor.choices is not None:
        return f"one of {', '.join(str(getattr(choice, 'value', choice)) for choice in descriptor.choices)}"
    if descriptor.is_datetime:
        return f"a date as {' or '.join(_date_forms(descriptor))}"
    kind = _NUMBERS.get(descriptor.annotation)
    if kind is None:
        return "a path" if descriptor.is_path else "another value"
    low, high = descriptor.parameter_info.min, descriptor.parameter_info.max
    if low is not None and high is not None:
        return f"{kind} from {low:g} to {high:g}"
    if low is None and high is None:
        return kind
    return f"{kind} of {low:g} or more" if low is not None else f"{kind} of at most {high:g}"


class Command(TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _in_plain_words(super().get_params(ctx))

    def main(self, args: Sequence[str] | None = None, *given: Any, **named: Any) -> Any:
        """Run it and end the process."""
        _run(lambda: super(Command, self).main(args, *given, **(named | {"standalone_mode": False})))


class Group(TyperGroup):
    """A command that has commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _in_plain_words(super().get_params(ctx))

    def main(self, args: Sequence[str] | None = None, *given: Any, **named: Any) -> Any:
        """Run it and end the process."""
        _run(lambda: super(Group, self).main(args, *given, **(named | {"standalone_mode": False})))


class CommandLine(typer.Typer):
    """An entry point: functions whose arguments are its options; an integer that one returns is the exit status."""

    def __init__(self, function: Callable[..., Any] | None = None, **named: Any) -> None:
        """Make one of a single command, the function, or an empty one that gets its commands by `command`."""
        super().__init__(**({"cls": Group} | named), add_completion=False, pretty_exceptions_enable=False)
        if function is not None:
            self.command()(function)

    def command(self, name: str | None = None, **named: Any) -> Callable[[Any], Any]:
        """Register a command, as Typer does."""
        return super().command(name, **({"cls": Command} | named))
