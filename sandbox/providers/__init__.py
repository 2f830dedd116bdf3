"""Adapters of the sandbox for other tools, each imported only by its tool. Read kept_session."""
