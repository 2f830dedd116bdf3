"""Reports of test runners, read into lines: what failed, where, expected and actual.

They were written inside the sandbox, where the code under test runs too: data, bounded, never trusted. They
improve a repair; they make no verdict stronger than `inside`. Read runners, failures.
"""
