"""Files that run inside the sandbox, beside the tests; they import nothing of ours. Read reporter."""
