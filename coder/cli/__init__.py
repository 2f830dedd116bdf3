"""What people type: one file a command. Read main, then solve and solve_run."""
