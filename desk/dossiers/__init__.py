"""Dossiers of applications, for auditors and supervisors."""
