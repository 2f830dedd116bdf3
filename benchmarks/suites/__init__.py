"""Suites and cases, read from the formats of the field. Read load."""
