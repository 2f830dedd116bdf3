"""The messages of a request: the task, what is shown of the folder, the latest code, the first failure.

Read messages, files_shown.
"""
