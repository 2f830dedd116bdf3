"""Suites, an isolated judge, scores with uncertainty, reports, a gate. Read suite, verdict, judge."""
