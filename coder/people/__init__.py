"""The user's interfaces: commands, conversations, installs. Read cli."""
