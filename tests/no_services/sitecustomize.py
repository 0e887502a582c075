"""Imported first by every Python that a test without services starts: this folder is on its path then."""

import sys

import refusal  # type: ignore[import-not-found]  # found by this folder, which is on the path

sys.addaudithook(refusal.refuse_database)
sys.addaudithook(refusal.refuse_server)
