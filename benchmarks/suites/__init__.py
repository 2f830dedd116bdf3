"""Suites and samples, read from the field's formats. Read load, samples."""
