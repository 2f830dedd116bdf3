"""The messages of a request: the task, excerpts of the folder, the latest code, the first failure.

Read messages, files_shown.
"""
