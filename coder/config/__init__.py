"""Configuration: the user's file, variables, flags, a repository's tighter limits; task files and pictures.

Read schema, layers.
"""
