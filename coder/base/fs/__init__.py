"""Files of the host: opened under a folder without following symlinks, replaced whole, synced, kept private.

Read safe_open, atomic_replace.
"""
