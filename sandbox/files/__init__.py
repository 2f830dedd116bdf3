"""A workspace's files on the host, reached without following what a program left. Read workspace."""
