"""Configuration: the user's file, variables, flags, limits of a repository; task files and pictures.

Read schema, layers.
"""
