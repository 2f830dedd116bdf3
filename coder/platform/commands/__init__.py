"""The commands `coder serve` and `coder mcp`. Read serve."""
