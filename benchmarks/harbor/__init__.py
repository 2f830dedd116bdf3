"""Harbor tasks: files, containers, and verdicts in fresh containers. Read task, apart."""
