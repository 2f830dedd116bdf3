"""Programs that run inside the sandbox, beside the tests; standard library only. Read reporter."""
