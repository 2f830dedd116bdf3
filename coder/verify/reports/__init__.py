"""Reports of test runners, read into lines: the failing test, its place, the expected and actual values.

Reports come from the sandbox of the code under test: bounded data, never trusted. Read runners, failures.
"""
