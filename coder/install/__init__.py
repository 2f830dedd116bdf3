"""Install what a task imports, in a sandbox of its own, into a folder that programs see read-only.

Read building.
"""
