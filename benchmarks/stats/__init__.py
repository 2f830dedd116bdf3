"""Scores with their uncertainty, comparisons, gates. Read scores, then scoring."""
