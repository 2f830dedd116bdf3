"""A conversation with a run: message by message, in the user's folder."""
