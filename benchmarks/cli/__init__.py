"""`coder bench` and `coder gate`. Read bench."""
