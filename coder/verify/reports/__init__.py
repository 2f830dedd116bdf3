"""Reports of test runners, read into lines: what failed, where, expected and actual.

They come from the sandbox of the code under test: data, bounded, never trusted. Read runners, failures.
"""
