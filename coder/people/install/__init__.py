"""Install the dependencies of a task's tests in a sandbox, into a cache that is mounted read-only.

Read building.
"""
