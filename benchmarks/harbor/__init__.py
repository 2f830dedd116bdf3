"""Harbor tasks: their containers, and verdicts apart from the agent's container. Read apart."""
