"""Checks, calls and trials that are decided outside the candidate's process. Read call, check, trial."""
