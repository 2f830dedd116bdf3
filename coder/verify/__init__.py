"""How a run knows that it is done: checks, a test command, the baseline, what fails that didn't before.

Read verify, test_command_verifier, finding.
"""
