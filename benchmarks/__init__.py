"""Suites, an isolated judge, scores with uncertainty, reports, a gate. Start at suite, verdict, judge."""
