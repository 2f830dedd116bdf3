"""The environment of a run's programs: policy, sandboxes, interpreter, packages, source folders.

Read workbench.
"""
