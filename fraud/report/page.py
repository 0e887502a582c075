"""Pages without scripts and external files, with plots inside, so that a report can be stored and mailed."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fraud.report.style import STYLE


def page_environment(package: str) -> Environment:
    """For the templates of a package, which may extend `frame.html`: its blocks are `title` and `body`."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name, package_path="") for name in (package, "fraud.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = Markup(STYLE)  # noqa: S704 - our own file
    return environment
