"""Decide verdicts where the judged code can't interfere. Read judge, case_plan, function."""
