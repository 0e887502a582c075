"""A case is worked from the queue to a signed referral where no script runs, on a telephone, in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from fraud.registry import PRODUCTION, Registry
from serve.people.account import PersonRole
from tests.desk.pages.site import MODEL, Site
from tests.desk.pages.tab import Tab, visiting
from tests.desk.pages.test_looks import PICTURES, SCHEMES
from tests.live_stack import LiveStack
from tests.serve.prediction_log_rows import fetch
from tests.serve.some_records import open_cases

TELEPHONE: Final = {"width": 390, "height": 800}
_WIDTH: Final = "document.documentElement.scrollWidth"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_case_is_worked_without_scripts(
    chromium: Browser, stack: LiveStack, site: Site, tmp_path: Path, scheme: str
) -> None:
    number = _new_case(stack, site, tmp_path, f"without-scripts-{scheme}")
    about = {"java_script_enabled": False, "viewport": TELEPHONE, "color_scheme": scheme}
    with visiting(chromium, site, PersonRole.REVIEW, **about) as tab:
        page = tab.page
        tab.open(f"{site.url}/desk?show=free")
        _look(tab, f"desk-queue-{scheme}")
        page.get_by_role("link", name=f"Case {number}", exact=True).click()
        expect(page.get_by_role("heading", name=f"Case {number}")).to_be_visible()
        expect(page.get_by_text("of 100 couples like these")).to_have_count(0)
        page.get_by_role("button", name="Take this case").click()
        page.get_by_label("Why (optional)").fill("the contract looks odd")
        _look(tab, f"desk-first-view-{scheme}")
        page.get_by_role("button", name="I see a concern").click()
        expect(page.get_by_text("of 100 couples like these divorced early")).to_be_visible()
        _try_another_income(page)
        page.get_by_role("link", name="Back to the case").click()
        page.get_by_role("button", name="Refer", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("at least one ground that is not the model")
        page.get_by_label("papers", exact=True).check()
        page.get_by_label("Justification").fill("two contracts for the same months")
        _look(tab, f"desk-decision-{scheme}")
        page.get_by_role("button", name="Refer", exact=True).click()
        expect(page.get_by_text("refer, by review.visitor")).to_be_visible()
        _look(tab, f"desk-referred-{scheme}")
        assert [said for said in tab.complaints if "409 (Conflict)" not in said] == [], "all but the refusal"
        assert tab.foreign_requests(site) == []
    with visiting(chromium, site, PersonRole.SUPERVISE, **about) as tab:
        tab.open(f"{site.url}/desk/cases/{number}")
        tab.page.get_by_role("button", name="Sign the referral").click()
        expect(tab.page.get_by_text("refer, by review.visitor and supervise.visitor")).to_be_visible()
    kinds = fetch(site.dsn, "SELECT kind FROM case_events WHERE case_number = %s ORDER BY number", number)
    assert [kind for (kind,) in kinds] == ["opened", "taken", "viewed_first", "referred", "signed"]


def _new_case(stack: LiveStack, site: Site, folder: Path, application: str) -> int:
    version = Registry(stack.tracking_uri, MODEL).version_of(PRODUCTION)
    assert version is not None
    about = {"model_version": version.version, "model_sha256": bytes.fromhex(version.sha256)}
    (number,) = open_cases(site.dsn, folder, [0.6], application_ids=[application], **about)
    return number


def _try_another_income(page: Page) -> None:
    page.get_by_role("link", name="Try other values").click()
    page.get_by_label("income (EUR a year)").fill("60000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("of 100 couples like these divorced early")


def _look(tab: Tab, name: str) -> None:
    """It fits into the telephone; a picture is kept for who wants to see it."""
    tab.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    assert tab.page.evaluate(_WIDTH) <= TELEPHONE["width"], name
