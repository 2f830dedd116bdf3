"""A text answer becomes changes of files. Read answer, then read_answer and apply."""
