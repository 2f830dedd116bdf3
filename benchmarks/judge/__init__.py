"""Verdicts formed where the judged code cannot reach. Read judge, then case_plan."""
