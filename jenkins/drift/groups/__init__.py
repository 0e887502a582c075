"""Whom production suspects, month by month: has it changed for a group of applicants beyond chance?"""
