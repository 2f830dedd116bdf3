"""Reports of test runners and linters, read into lines: what failed, where, expected and actual.

What is read here was written inside the sandbox, where the code under test runs too: it is data, bounded and
never trusted. It makes a repair better; it makes no verdict stronger than `inside`.
"""
