"""Verdicts decided where the judged code cannot reach. Read judge, case_plan, function."""
