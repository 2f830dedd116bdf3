"""Attempts at one task, compared, and one of them chosen. Read attempts, series, picker."""
