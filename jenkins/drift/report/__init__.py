"""A drift check for people (`report.html`), for programs (`verdict.json`) and for the CI server (`junit.xml`)."""
