"""The sandbox as a part of other tools. Each module is loaded by its tool alone. Read kept_session."""
