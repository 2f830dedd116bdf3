"""Decide whether a run has solved its task: checks, a test command, the baseline, and new failures.

Read verify, test_command_verifier, finding.
"""
