"""What programs see: policy, sandboxes of a run, interpreter, packages, source folders.

Read workbench.
"""
