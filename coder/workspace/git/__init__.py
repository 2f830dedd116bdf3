"""Git repositories of the user's, worked on so that nothing which a repository holds is ever started.

Hooks, filters, fsmonitor, external diffs, pagers, credential helpers and includes are named in a repository's
own configuration, and a repository may come from anyone. So git runs with a GIT_DIR of ours (isolated.py),
which takes its objects and index from the repository, and of its configuration a few plain values.
"""
