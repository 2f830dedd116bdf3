"""`coder bench` and `coder gate`. Start at bench and run_suite."""
