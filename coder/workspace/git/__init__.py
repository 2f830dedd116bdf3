"""Run git on untrusted repositories without starting the programs that their configuration names.

Their configuration may name hooks, filters, fsmonitor, external diffs, pagers and includes. So git runs with
our own GIT_DIR, which uses the repository's objects, index, and a few plain values. Read isolated.
"""
