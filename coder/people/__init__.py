"""What a person types: commands, conversations, installs. Read cli."""
