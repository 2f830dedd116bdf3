"""The user's folder: read it, land changes in it, take them back. Read read, then deliver."""
