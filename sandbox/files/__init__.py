"""Access programs' files from outside without following links. Read workspace."""
