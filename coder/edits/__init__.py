"""Turn a text answer in any supported format into file changes. Read answer, read_answer, apply."""
