"""Configuration: the user's file, the environment, flags, what a repository may tighten.

Read schema, then layers.
"""
