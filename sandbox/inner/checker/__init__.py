"""Run tests in the checker's process: assertions, examples, pytest, trials. Read checker."""
