"""`coder bench` and `coder gate`. Start reading at bench and run_suite."""
