"""Suites and samples, read from the field's formats; readers raise UsageError. Read load, samples."""
