"""MLflow's pages as a person meets them: in their classic mode, without failing calls or buttons that are refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, Request, Response

from fraud.registry import PRODUCTION, Registry
from tests.chromium import running_chromium
from tests.live_stack import LiveStack

TIMEOUT_MS: Final = 120_000
"""MLflow gives way to all else, and its pages are of ten megabytes."""
CALLS: Final = frozenset({"fetch", "xhr"})
"""Kinds of requests. What a worker loads never ends, as Playwright tells it."""
REFUSED: Final = ("Promote model", "Create Model", "New run", "Start Demo", "Add tags", "Delete", "MLflow Assistant")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@dataclass
class Opened:
    """A page, and its calls."""

    page: Page
    under_way: set[Request] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("request", self._begin)
        self.page.on("requestfinished", self._end)
        self.page.on("requestfailed", self._end)
        self.page.on("response", self._note)

    def wait_for_calls(self) -> None:
        while self.under_way:
            self.page.wait_for_timeout(100)

    def _begin(self, request: Request) -> None:
        if request.resource_type in CALLS:
            self.under_way.add(request)

    def _end(self, request: Request) -> None:
        self.under_way.discard(request)

    def _note(self, answer: Response) -> None:
        if answer.status >= 400:
            self.failed.append(f"{answer.status} {answer.url}")


@contextmanager
def opened(chromium: Browser, stack: LiveStack, address: str, shows: str) -> Iterator[Opened]:
    """The page once it shows that text."""
    name, password = stack.admin
    context = chromium.new_context(http_credentials={"username": name, "password": password})
    context.set_default_timeout(TIMEOUT_MS)
    try:
        visit = Opened(context.new_page())
        visit.watch()
        visit.page.goto(stack.url + address)
        visit.page.get_by_text(shows).first.wait_for()
        yield visit
    finally:
        context.close()


@pytest.mark.parametrize(
    ("address", "shows"),
    [
        ("/mlflow", "Version 1"),
        ("/mlflow/#/models/divorce-model/versions/{version}", "Purpose"),
        ("/mlflow/#/models", "divorce-model"),
        ("/mlflow/#/experiments", "divorce-model"),
        ("/mlflow/#/experiments/1/runs", "training, applications before"),
        ("/mlflow/#/experiments/1/runs/{run_id}", "About this run"),
    ],
)
def test_a_page_has_no_failing_call_and_no_button_that_is_refused(
    chromium: Browser, stack: LiveStack, address: str, shows: str
) -> None:
    version = Registry(stack.tracking_uri, "divorce-model", timeout_s=60).version_of(PRODUCTION)
    assert version is not None
    address = address.format(version=version.version, run_id=version.run_id)
    with opened(chromium, stack, address, shows) as visit:
        visit.wait_for_calls()
        assert visit.failed == []
        shown = [text for text in REFUSED if visit.page.get_by_text(text, exact=True).filter(visible=True).count()]
        assert shown == []


def test_mlflows_pages_stay_in_their_classic_mode(chromium: Browser, stack: LiveStack) -> None:
    with opened(chromium, stack, "/mlflow/#/models", "divorce-model") as visit:
        page = visit.page
        assert page.get_by_role("link", name="Prompts").count() == 0, "that is of language models"
        page.get_by_role("link", name="Experiments").click()
        page.get_by_role("heading", name="Experiments").wait_for()
        assert page.get_by_role("link", name="Prompts").count() == 0


def test_a_mode_that_a_person_chose_stays(chromium: Browser, stack: LiveStack) -> None:
    with opened(chromium, stack, "/mlflow/#/models", "divorce-model") as visit:
        page = visit.page
        page.evaluate("localStorage.setItem('mlflow.workflowType_v1', '\"genai\"')")
        page.reload()
        page.get_by_role("link", name="Prompts").wait_for()
