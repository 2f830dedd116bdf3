"""What every room uses: errors, usage, files of the host, text and prompts. Read errors."""
