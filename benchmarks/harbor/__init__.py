"""Harbor tasks: their files, their containers, and verdicts apart from the agent's. Read task, apart."""
