"""How a run knows that it is done: checks, a test command, the baseline, what is new since.

Read verify.
"""
