"""The user's folder: read it, land changes, rebase them, revert them. Read read, deliver."""
