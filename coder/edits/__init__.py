"""Convert a text answer in any supported format into changes of files. Read answer, read_answer, apply."""
