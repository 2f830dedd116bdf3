"""Check a candidate from outside: calls into it, tests apart from it, trials. Read call, then check."""
