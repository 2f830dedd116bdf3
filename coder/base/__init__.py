"""Foundation of all packages of coder: errors, usage, files of the host, text and prompts. Read errors."""
