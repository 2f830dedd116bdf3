"""A text answer becomes changes of files, in whichever form it came. Read answer, read_answer, apply."""
