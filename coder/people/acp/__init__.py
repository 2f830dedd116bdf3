"""The Agent Client Protocol: a conversation in an editor is a chat of ours. Read agent."""
