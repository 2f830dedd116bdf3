"""What programs of a run get: policy, sandboxes, interpreter, installed packages, source folders.

Read workbench.
"""
