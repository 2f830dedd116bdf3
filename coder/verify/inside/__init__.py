"""Run inside the sandbox, beside the tests, with the standard library alone. Read reporter."""
