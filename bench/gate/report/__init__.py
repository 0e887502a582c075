"""The gate's report: one page for people, `gate.json` for programs, JUnit XML for the CI server."""
