"""A conversation on a terminal: lines, completion, words as they arrive. Read chat_terminal."""
