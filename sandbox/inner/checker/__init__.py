"""Tests inside the checker: examples, pytest, trials. Read checker."""
