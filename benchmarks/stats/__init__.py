"""Scores with uncertainty, comparisons of runs, the gate. Start at scores, paired, gate."""
