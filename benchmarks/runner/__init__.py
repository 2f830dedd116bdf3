"""Run a suite: cases, workers, a log that resumes. Read runner."""
