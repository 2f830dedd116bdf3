"""Decide verdicts out of the judged code's reach. Read judge, case_plan, function."""
