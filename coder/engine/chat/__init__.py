"""A conversation about a folder: each message is a step of one run that the log holds. Read chat_session."""
