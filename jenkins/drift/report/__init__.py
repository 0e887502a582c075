"""A drift check for people (`drift.html`), for programs (`verdict.json`) and for the CI server (`junit.xml`)."""
