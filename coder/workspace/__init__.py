"""The user's folder: read it, land changes, rebase them, take them back. Read read, deliver."""
