"""Run a suite: attempts, verdicts, a log that a resume continues. Read runner, runlog."""
