"""Processes that outlive nobody: they build the outer wall, start servers, and clean up after their owner.

Read outer_wall.
"""
