"""Decide outside of the candidate's process: calls into it, checks, trials. Read call, check, trial."""
