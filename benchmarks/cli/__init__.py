"""`coder bench` and `coder gate`. Read bench, run_suite."""
