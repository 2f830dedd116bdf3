"""Messages of a request: the task, what is shown of the folder, the history. Read messages."""
