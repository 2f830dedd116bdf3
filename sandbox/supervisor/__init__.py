"""Processes that build the outer wall, start the server, and remove everything once its owner is gone.

Read outer_wall, launch, keeper.
"""
