"""Text that would run in a browser if it became markup, put wherever text comes from elsewhere."""

from __future__ import annotations

from typing import Final

RAN: Final = "window.hostile_text_ran"
MARK: Final = "data-hostile"


def hostile(source: str) -> str:
    """Says where it comes from."""
    return f"{source} \"'><img src=x {MARK} onerror={RAN}=1><script {MARK}>{RAN}=1</script>"


SHOWN_ON: Final = {
    "verdict of a report": "/reports",
    "kind of a report": "/reports",
    "verdict of a check": "/",
    "reason of a retraining": "/",
    "verdict of a gate": "/",
    "reason of a version": "/",
    "excluded features": "/",
    "task": "/",
    "person of a change": "/history",
    "person of a request": "/operate/requests/{request}",
    "output of a command": "/operate/requests/{request}",
    "words of an officer": "/desk/cases/{referred_case}",
    "id of an application": "/desk?show=all",
    "data of a drift check": "/reports/{hostile_drift}",
    "data of a gate": "/reports/{hostile_gate}",
    "record of an application": "/reports/{hostile_verify}",
}
"""Where text comes from -> the page that shows it."""
