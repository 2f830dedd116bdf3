"""The user's folder: read it, write changes, merge them with later edits, undo them. Read read, deliver."""
