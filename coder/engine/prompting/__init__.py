"""The messages of a request: the task, excerpts of the folder, the latest code, the first failure.

Read first_request, task_parts, next_request.
"""
