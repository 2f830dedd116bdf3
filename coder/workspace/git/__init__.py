"""Git on repositories that may come from anyone: nothing that a repository names is ever started.

Hooks, filters, fsmonitor, external diffs, pagers and includes stand in its configuration. So git runs with a
GIT_DIR of ours, which takes objects and index from the repository, and a few plain values. Read isolated.
"""
