"""Run a suite: attempts, verdicts, a log that a resume goes on with. Read runner, runlog."""
