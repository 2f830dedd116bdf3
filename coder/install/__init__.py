"""Install what a task's tests need, in a sandbox of its own, into a cache that programs see read-only.

Read building.
"""
