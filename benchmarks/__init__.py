"""Suites of cases, a judge that a candidate can't reach, scores and how sure they are, reports, a gate.

Read suite, verdict, judge.
"""
