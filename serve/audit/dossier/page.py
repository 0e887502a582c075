"""A dossier as a page: a letter for the couple, or a table of all facts for a court."""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from fraud.features import FEATURES
from fraud.languages import LANGUAGES
from fraud.reason_words import OFFERED
from fraud.report.page import page_environment
from fraud.report.plain_page import time_text
from fraud.shown_values import exact_value, numbers
from serve.audit.dossier.document import Answer, Audience, Dossier, PolicyInForce, Step
from serve.audit.dossier.proof import Proof
from serve.audit.dossier.steps import GROUNDS
from serve.audit.told_changes import NONE_DOES_IT, NOT_REVIEWED

WORDS: Final[Mapping[str, Any]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
LANGUAGES_OFFERED: Final = tuple(language for language in OFFERED if language in WORDS)
"""Languages with translations of all texts of a dossier."""
_PAGES: Final = page_environment("serve.audit.dossier")
_WHY_NONE: Final = {NOT_REVIEWED: "not_reviewed", NONE_DOES_IT: "none"}


def dossier_page(dossier: Dossier, sha256: str) -> bytes:
    """The page, self-contained."""
    language = dossier.language
    name = f"letter.{language}.html" if dossier.audience is Audience.CITIZEN else "court.html"
    cards = {answer.model.card for answer in dossier.answers if answer.model and answer.model.card}
    page = _PAGES.get_template(name).render(
        language=language,
        words=WORDS[language]["labels"],
        application=dossier.application,
        made=time_text(dossier.made_at),
        answers=[_shown(answer, language) for answer in dossier.answers],
        left_out=dossier.left_out,
        steps=[_step(step, language) for step in dossier.steps],
        no_cause=LANGUAGES[language].no_cause,
        proven=_proven(dossier),
        cards=sorted(cards),
        sha256=sha256,
    )
    return page.encode()


def _shown(answer: Answer, language: str) -> dict[str, Any]:
    changes, model, policy, anchor = answer.changes, answer.model, answer.policy, answer.proof.anchor
    facts = {name: getattr(answer, name) for name in answer.__struct_fields__}
    return facts | {
        "received": _moment(answer.received_at),
        "recorded": _moment(answer.recorded_at),
        "shown_values": _values(answer, language),
        "percent": None if answer.probability is None else f"{numbers(language)(100 * answer.probability)}%",
        "of_100": None if answer.probability is None else round(100 * answer.probability),
        "reasons": [reason.text for reason in answer.reasons],
        "told": answer.reasons,
        "changes": [change.text for change in changes.found] if changes else [],
        "other_values": changes.found if changes else [],
        "why_none": _WHY_NONE.get(changes.why_none or "", "") if changes else "",
        "why_none_told": changes.why_none if changes else None,
        "chosen": _chosen(policy),
        "gate_made": _moment(model.gate.made_at) if model and model.gate else "",
        "in_force": _moment(policy.in_force_from) if policy else "",
        "anchor": f"{anchor.sequence}, {anchor.hash.hex()}" if anchor else "-",
    }


def _chosen(policy: PolicyInForce | None) -> str:
    if policy is None or not policy.decided:
        return "nothing"
    if policy.reviewed is None:
        return "unknown"
    return "no" if not policy.reviewed else "random" if policy.at_random else "score"


def _values(answer: Answer, language: str) -> list[tuple[str, str]]:
    declared = {feature.name: feature for feature in FEATURES}
    shown = []
    for name, value in (answer.sent or {}).items():
        feature = declared.get(name)
        number = math.nan if value is None else value
        called = name if feature is None else feature.words_in(language).called
        shown.append((called, str(number) if feature is None else exact_value(feature, number, language)))
    return shown


def _step(step: Step, language: str) -> dict[str, Any]:
    words = WORDS[language]
    said = {**step.facts, **step.content}
    grounds = msgspec.json.decode(step.facts[GROUNDS], type=list[str]) if _has_list(step.facts) else []
    return {
        "at": time_text(step.at),
        "person": step.person,
        "told": words["acts"].get(step.act, step.act),
        "grounds": ", ".join(words["grounds"].get(ground, ground) for ground in grounds),
        "said": sorted(said.items()),
    }


def _has_list(facts: Mapping[str, str]) -> bool:
    return facts.get(GROUNDS, "").startswith("[")


def _proven(dossier: Dossier) -> str:
    """How much the file proves: in one sentence for all answers, or one for each if they differ."""
    words = WORDS[dossier.language]
    told = [words[_proves(answer.proof)] for answer in dossier.answers]
    if len(set(told)) == 1:
        return str(told[0])
    return " ".join(f"{words['labels']['answer']} {number}: {one}" for number, one in enumerate(told, 1))


def _proves(proof: Proof) -> str:
    """The key of the text that says how much a proof proves."""
    if proof.opened is None:
        return "proven_place"
    return "proven_answer" if proof.content is None else "proven_record"


def _moment(moment: dt.datetime | None) -> str:
    return "" if moment is None else time_text(moment)
