"""A conversation about a folder: each message is a task of its own. Read chat_session."""
