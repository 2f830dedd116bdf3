"""Run git on untrusted repositories without starting any program that they name.

Their configuration names hooks, filters, fsmonitor, external diffs, pagers and includes. So git runs with a
GIT_DIR of ours that takes over objects, index, and a few plain values. Read isolated.
"""
