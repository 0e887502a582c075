"""A file that declares the features, read and checked: `features.toml` says what each entry means."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec

from fraud.errors import FeatureFileError
from fraud.languages import ENGLISH, LANGUAGES

MAX_FEATURES: Final = 60
"""The compiled scan of row objects has a bit for each."""
MAX_NAME_BYTES: Final = 60
"""PostgreSQL cuts longer names of columns."""
RESERVED_NAMES: Final = frozenset({"application_id", "applicant_ref", "date", "divorce", "prediction"})
"""Other columns of the tables and bodies have them, in whatever case."""
_NAME: Final = re.compile(r'(?! )[^\x00-\x1f"\\\x7f,]+(?<! )')
MAX_INTEGER: Final = 2**24
"""Up to here float32 holds every integer, so that a code is what was sent."""


BELOW_TYPICAL: Final = 0.5
ABOVE_TYPICAL: Final = 5.0
"""Widths of `typical` that a plausible value may lie below and above it: amounts have a long tail upwards."""


class FeatureType(StrEnum):
    """What a feature's values are."""

    INTEGER = "integer"
    NUMBER = "number"
    CODE = "code"


class ShownAs(StrEnum):
    """How people read a value."""

    NUMBER = "number"
    EUR = "EUR"
    YEARS = "years"
    LEVEL = "level"


VALUE: Final = "{value}"
NUMBER: Final = "{number}"
"""Where a sentence has a value: with its unit, or without."""


class FeatureWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words for a feature in one language."""

    called: str
    unit: str
    told_as: str = ""
    """A sentence with `{value}`, which has its unit, or `{number}`; without one, `called` and the value."""
    values: Mapping[str, str] = {}
    """Names of its values in that language."""

    @property
    def sentence(self) -> tuple[str, str, str]:
        """The text before the value, the kind of placeholder, and the text after it."""
        if not self.told_as:
            return f"{self.called} (", VALUE, ")"
        return self.told_as.partition(NUMBER if NUMBER in self.told_as else VALUE)


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One column of the matrix: what it is called, what it counts and which values it can have."""

    name: str
    type: FeatureType
    unit: str
    minimum: float
    typical: tuple[float, float]
    example: float
    called: str
    meaning: str
    told_as: str = ""
    words: Mapping[str, FeatureWords] = {}
    may_be_missing: bool = False
    plausible: tuple[float, float] | None = None
    shown_as: ShownAs = ShownAs.NUMBER
    values: Mapping[str, float] = {}
    bands: tuple[float, ...] = ()
    monotone: Annotated[int, msgspec.Meta(ge=-1, le=1)] = 0
    protected: bool = False
    disputable: bool = False

    @property
    def integral(self) -> bool:
        """Whether only whole numbers have a meaning."""
        return self.type is not FeatureType.NUMBER

    @property
    def is_enumerated(self) -> bool:
        """Whether nothing but `values` has a meaning."""
        return self.type is FeatureType.CODE or self.shown_as is ShownAs.LEVEL

    def words_in(self, language: str) -> FeatureWords:
        """Its words; the declared English ones if it has no words in that language."""
        return self.words.get(language) or FeatureWords(self.called, self.unit, self.told_as)

    @property
    def plausible_range(self) -> tuple[float, float]:
        """Outside of it a value is hardly what it says it is: as declared, or far beyond what is typical."""
        if self.plausible is not None:
            return self.plausible
        low, high = self.typical
        return low - BELOW_TYPICAL * (high - low), high + ABOVE_TYPICAL * (high - low)


class _FeatureFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    feature: tuple[Feature, ...]


def read_features(path: Path) -> tuple[Feature, ...]:
    """The features that a file declares, in its order.

    Raises:
        FeatureFileError: one line that names the file, the feature and what was expected.
    """
    try:
        with path.open("rb") as file:
            features = msgspec.convert(tomllib.load(file), _FeatureFile).feature
    except OSError as error:
        raise FeatureFileError(f"{path} can't be read: {error.strerror}; see FEATURES_FILE") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise FeatureFileError(f"{path} declares no features: {error}") from None
    faults = [*_faults_of_all(features), *(f"{one.name}: {fault}" for one in features for fault in _faults(one))]
    if faults:
        raise FeatureFileError(f"{path}: {'; '.join(faults)}")
    return features


def _faults_of_all(features: Sequence[Feature]) -> list[str]:
    faults = []
    if not 1 <= len(features) <= MAX_FEATURES:
        faults.append(f"there are {len(features)} features, expected 1 to {MAX_FEATURES}")
    # SQL and people take names for the same that differ in case only.
    folded = [feature.name.casefold() for feature in features]
    faults += [f"{name} is there twice" for name in dict.fromkeys(folded) if folded.count(name) > 1]
    if features and all(feature.may_be_missing for feature in features):
        faults.append("every feature may be missing, expected one that may not: an application says something")
    return faults


def _faults(feature: Feature) -> Iterator[str]:
    yield from _faults_of_name(feature.name)
    numbers = (feature.minimum, *feature.typical, feature.example, *feature.values.values(), *feature.bands)
    if not all(math.isfinite(number) for number in numbers):
        yield "expected finite numbers"
    if any(number < feature.minimum for number in numbers):
        yield f"typical, example, values and bands must be at least the minimum, {feature.minimum:g}"
    yield from _faults_of_ranges(feature)
    if list(feature.bands) != sorted(set(feature.bands)):
        yield "bands must rise"
    yield from _faults_of_values(feature)
    yield from _faults_of_words(feature)


def _faults_of_words(feature: Feature) -> Iterator[str]:
    for sentence in (feature.told_as, *(words.told_as for words in feature.words.values())):
        if sentence and (sentence.count(VALUE) + sentence.count(NUMBER), sentence.count("{")) != (1, 1):
            yield f"told_as needs {VALUE} or {NUMBER} once, and no other braces"
    for language, words in feature.words.items():
        if language not in LANGUAGES or language == ENGLISH:
            yield f"words are in {language}, expected one of {', '.join(sorted(LANGUAGES.keys() - {ENGLISH}))}"
        if words.values and words.values.keys() != feature.values.keys():
            yield f"words in {language} name other values than the feature has"


def _faults_of_name(name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield "a name has no comma, quote, backslash or control character, and no space at its ends"
    if len(name.encode()) > MAX_NAME_BYTES:
        yield f"the name is longer than {MAX_NAME_BYTES} bytes"
    if name.casefold() in RESERVED_NAMES:
        yield "the name is that of another column"


def _faults_of_values(feature: Feature) -> Iterator[str]:
    numbers = feature.values.values()
    if feature.is_enumerated and not numbers:
        yield "a code and a level need values"
    if feature.integral and not all(number.is_integer() for number in numbers):
        yield "values must be whole numbers"
    if feature.type is FeatureType.CODE and any(abs(number) > MAX_INTEGER for number in numbers):
        yield f"a code is at most {MAX_INTEGER}"


def _faults_of_ranges(feature: Feature) -> Iterator[str]:
    (low, high), (least, most) = feature.typical, feature.plausible_range
    if low >= high:
        yield "typical must rise"
    elif not (least <= low and high <= most):  # NaN holds nothing
        yield "plausible must hold typical"
