"""The Agent Client Protocol: each conversation in an editor is a chat session. Read agent."""
