"""Run a suite: attempts, verdicts, and a log from which a run resumes. Read runner, runlog."""
