"""Scores with uncertainty, comparisons of runs, the gate. Read scores, paired, gate."""
