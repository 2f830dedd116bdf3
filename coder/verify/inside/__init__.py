"""Programs that run inside the sandbox, next to the tests, with the standard library alone. Read reporter."""
