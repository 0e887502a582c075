"""`/desk/cases/N/what-if`: the model in production scores other values. They are no application, and not recorded.

The pages' process scores it with the registry's model, by ONNX Runtime, to which the server's own code is equal.
Nothing of it reaches the prediction log, so no drift check, label or training ever sees it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from desk.cases.case_page import found_case, score_is_shown
from desk.cases.versions import NotExplained, Versions
from desk.cases.words import of_100, usual_range
from desk.errors import NotNow
from desk.rendering import render
from desk.visits import Page, Visit
from fraud.errors import ProjectError
from fraud.feature_file import Feature
from fraud.features import FEATURE_COUNT, FEATURES
from fraud.languages import ENGLISH
from fraud.shown_values import named_values
from serve.cases.answers import answer_of
from serve.cases.work import OFFICERS
from serve.scoring.plausibility import warnings_of

MOST_DIGITS: Final = 30


class WrongValue(ProjectError):
    """A value that no application can have."""


class Field(msgspec.Struct, frozen=True):
    """One value in the form."""

    name: str
    called: str
    unit: str
    usual: str
    value: str
    choices: Mapping[str, str]
    """Values and their names, where a feature has no others."""
    special: str
    """What values stand for that are no amounts."""
    may_be_missing: bool


class WhatIf:
    """The page."""

    def __init__(self, versions: Versions, *, blind_first: bool) -> None:
        self._versions = versions
        self._blind_first = blind_first

    def page(self) -> Page:
        """Its address."""
        return Page("/desk/cases/{number:int}/what-if", self._show, self._try, OFFICERS)

    def _show(self, visit: Visit) -> Response:
        return self._page(visit, texts_of(self._row(visit)))

    def _try(self, visit: Visit) -> Response:
        own = self._row(visit)
        given = {feature.name: visit.form.get(feature.name, "") for feature in FEATURES}
        try:
            tried = row_of(given)
            said = self._versions.score(np.stack([tried])[0])
            before = self._versions.score(own)
        except (WrongValue, NotExplained) as error:
            return self._page(visit, given, told=f"This can't be scored: {error}.", status=HTTPStatus.BAD_REQUEST)
        warnings = [one.message for one in warnings_of(tried[np.newaxis], np.zeros(1, np.intp))]
        result = {"now": of_100(said[0]), "before": of_100(before[0]), "version": said[1], "warnings": warnings}
        return self._page(visit, given, result=result)

    def _page(
        self,
        visit: Visit,
        texts: Mapping[str, str],
        *,
        told: str = "",
        result: Mapping[str, object] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        fields = [_field(feature, texts[feature.name]) for feature in FEATURES]
        return render("what_if.html", visit, status, case=found_case(visit), fields=fields, told=told, result=result)

    def _row(self, visit: Visit) -> NDArray[np.float32]:
        """The values on record.

        Raises:
            NotNow: the officer may not see the score yet, or the values are gone.
        """
        case = found_case(visit)
        if not score_is_shown(visit, case, blind_first=self._blind_first):
            raise NotNow("note your first view of the case before you try other values")
        answer = answer_of(visit.connection, case.number)
        row = None if answer is None else answer.row
        if row is None or len(row) != FEATURE_COUNT:
            raise NotNow("the values of this application are no longer on record, or differ from the declared features")
        return row


def texts_of(row: NDArray[np.float32]) -> dict[str, str]:
    """Values [F] as the form has them; "" for one that is missing."""
    texts = ["" if np.isnan(value) else np.format_float_positional(value, trim="-") for value in row]
    return dict(zip((feature.name for feature in FEATURES), texts, strict=True))


def row_of(texts: Mapping[str, str]) -> NDArray[np.float32]:
    """Values [F] of a form.

    Raises:
        WrongValue: one of them can't be.
    """
    return np.array([_value(feature, texts[feature.name].strip()) for feature in FEATURES], np.float32)


def _value(feature: Feature, text: str) -> float:
    called = feature.words_in(ENGLISH).called
    if not text:
        if feature.may_be_missing:
            return math.nan
        raise WrongValue(f"{called}: expected a value")
    try:
        value = float(text) if len(text) <= MOST_DIGITS else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < feature.minimum or not math.isfinite(np.float32(value)):
        raise WrongValue(f"{called}: expected a number of at least {feature.minimum:g}")
    return value


def _field(feature: Feature, text: str) -> Field:
    words, named = feature.words_in(ENGLISH), named_values(feature, ENGLISH)
    choices = {np.format_float_positional(value, trim="-"): name for value, name in named.items()}
    special = "" if feature.is_enumerated else ", ".join(f"{value} = {name}" for value, name in choices.items())
    return Field(
        feature.name,
        words.called,
        words.unit,
        usual_range(feature),
        text,
        choices if feature.is_enumerated else {},
        special,
        feature.may_be_missing,
    )
