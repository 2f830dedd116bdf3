"""Suites: readers of the field's formats, and a small suite of our own."""
